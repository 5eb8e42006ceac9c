//! What the command line needs of the configuration.

use super::session::Surroundings;
use std::path::PathBuf;

/// Where the daemon of the system listens, unless it was told otherwise.
pub(super) const SYSTEM_SOCKET: &str = "/run/pmon3/pmond.sock";

/// Where the caller's own daemon is, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) socket: PathBuf,
    pub(super) logs_dir: PathBuf,
    /// Whether it may be started when it is needed.
    pub(super) auto_start: bool,
}

/// As the configuration says.
///
/// # Errors
/// Why the configuration is of no use, in one line.
pub(super) fn places(around: &Surroundings) -> Result<Places, String> {
    // STUB until pmon3-config is there.
    let socket = default_socket(around);
    let data = data_dir(around);
    Ok(Places {
        socket: around.vars.get("PMON3_SOCKET").map_or(socket, PathBuf::from),
        logs_dir: around.vars.get("PMON3_LOGS_DIR").map_or(data, PathBuf::from),
        auto_start: around.vars.get("PMON3_AUTO_START").is_none_or(|v| v != "false"),
    })
}

fn data_dir(around: &Surroundings) -> PathBuf {
    match around.vars.get("XDG_DATA_HOME") {
        Some(dir) => PathBuf::from(dir).join("pmon3"),
        None => PathBuf::from(around.vars.get("HOME").map_or("/", String::as_str)).join(".local/share/pmon3"),
    }
}

/// The caller's own socket where the configuration cannot be asked.
pub(super) fn default_socket(around: &Surroundings) -> PathBuf {
    if around.uid == 0 {
        return PathBuf::from(SYSTEM_SOCKET);
    }
    match around.vars.get("XDG_RUNTIME_DIR") {
        Some(dir) => PathBuf::from(dir).join("pmon3/pmond.sock"),
        None => data_dir(around).join("pmond.sock"),
    }
}

pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    shlex::split(text).ok_or_else(|| "unbalanced quotes".to_owned())
}

pub(super) fn assignments(text: &str) -> Result<std::collections::BTreeMap<String, String>, String> {
    words(text)?
        .into_iter()
        .map(|w| {
            w.split_once('=')
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .ok_or_else(|| format!("`{w}` has no ="))
        })
        .collect()
}
