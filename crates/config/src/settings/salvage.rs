//! What a configuration that cannot be used still tells.

use super::Settings;
use crate::environment::Environment;
use std::path::PathBuf;

/// The socket on which the daemon most likely listens although the configuration is broken: it keeps its last good one,
/// and it must be found by whoever wants to know what is wrong. Only lines `socket: PATH` and `data_dir: PATH` are looked
/// at, as they stand in a file that is right in all but one other place.
pub fn salvage_socket(environment: &Environment) -> PathBuf {
    let text = std::fs::read_to_string(environment.config_file()).unwrap_or_default();
    let stated = |key: &str, variables: [&str; 2]| {
        let variable = variables.iter().find_map(|name| environment.variable(name));
        match variable {
            Some(path) => Some(environment.absolute(path)),
            None => line(&text, key).map(PathBuf::from),
        }
    };
    if let Some(socket) = stated("socket", ["PMON3_SOCKET", "CONFIGOR_SOCKET"]) {
        return socket;
    }
    match stated("data_dir", ["PMON3_DATA_DIR", "CONFIGOR_DATADIR"]) {
        Some(data_dir) => environment.default_socket(&data_dir),
        None => Settings::defaults(environment).socket,
    }
}

/// The plain or quoted text after `key:` at the beginning of a line.
fn line<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?
        .trim();
    let value = match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next()?,
        _ => value.split(" #").next()?.trim_end(),
    };
    Some(value).filter(|value| value.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, variables: &[(&str, &str)]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yml");
        std::fs::write(&file, text).unwrap();
        let mut all = vec![("PMON3_CONF", file.to_str().unwrap()), ("HOME", "/home/joe")];
        all.extend(variables);
        salvage_socket(&Environment::new(false, all)).display().to_string()
    }

    #[test]
    fn the_socket_is_found_beside_what_is_wrong() {
        for text in [
            "log_level: loud\nsocket: /srv/s\n",
            "socket: \"/srv/s\" # here\n}{",
            "socket: '/srv/s'\n",
            "socket:   /srv/s   # here\n",
        ] {
            assert_eq!(found(text, &[]), "/srv/s", "{text}");
        }
        assert_eq!(
            found("socket: /srv/s\n", &[("PMON3_SOCKET", "/run/other")]),
            "/run/other"
        );
    }

    #[test]
    fn without_one_it_is_where_the_data_is_or_where_it_is_by_default() {
        assert_eq!(
            found("stop_timeout: no\ndata_dir: /srv/data\n", &[]),
            "/srv/data/pmond.sock"
        );
        assert_eq!(found("socket: 7\n", &[]), "/home/joe/.local/share/pmon3/pmond.sock");
        assert_eq!(
            found("socket:\n", &[("XDG_RUNTIME_DIR", "/run/user/7")]),
            "/run/user/7/pmon3/pmond.sock"
        );
    }
}
