//! Where files are, for root and for anybody else.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use pmon3_config::{Environment, load};
use std::fs;
use std::path::Path;

/// Configuration, data, logs, socket.
fn places(is_root: bool, variables: &[(&str, &str)]) -> [String; 4] {
    let environment = Environment::new(is_root, variables.iter().copied());
    let settings = load(&environment).unwrap().settings;
    [
        environment.config_file(),
        settings.data_dir,
        settings.logs_dir,
        settings.socket,
    ]
    .map(|path| path.display().to_string())
}

#[test]
fn root_has_the_places_of_the_system() {
    // No configuration of this machine is looked at.
    let [_, data, logs, socket] = places(true, &[("PMON3_CONF", "/no/such/file"), ("HOME", "/root")]);
    assert_eq!(
        [data.as_str(), &logs, &socket],
        ["/etc/pmon3/data", "/var/log/pmond", "/run/pmon3/pmond.sock"]
    );
    let root = Environment::new(true, [("XDG_CONFIG_HOME", "/x")]);
    assert_eq!(root.config_file(), Path::new("/etc/pmon3/config/config.yml"));
}

#[test]
fn anybody_else_has_the_places_of_xdg() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let at = |path: &str| format!("{home}/{path}");
    assert_eq!(
        places(false, &[("HOME", home)]),
        [
            at(".config/pmon3/config.yml"),
            at(".local/share/pmon3"),
            at(".local/state/pmon3/log"),
            at(".local/share/pmon3/pmond.sock"),
        ]
    );
    let [config, data, state, runtime] = ["c", "d", "s", "r"].map(at);
    assert_eq!(
        places(
            false,
            &[
                ("HOME", home),
                ("XDG_CONFIG_HOME", &config),
                ("XDG_DATA_HOME", &data),
                ("XDG_STATE_HOME", &state),
                ("XDG_RUNTIME_DIR", &runtime),
            ]
        ),
        [
            at("c/pmon3/config.yml"),
            at("d/pmon3"),
            at("s/pmon3/log"),
            at("r/pmon3/pmond.sock")
        ]
    );
    assert_eq!(
        places(
            false,
            &[("HOME", home), ("XDG_DATA_HOME", "relative"), ("XDG_RUNTIME_DIR", "")]
        )[1],
        at(".local/share/pmon3"),
        "what is not absolute is no directory of XDG"
    );
}

#[test]
fn without_a_runtime_directory_the_socket_follows_the_data() {
    let variables = [("HOME", "/no/such/home"), ("PMON3_DATA_DIR", "/srv/d")];
    assert_eq!(places(false, &variables)[3], "/srv/d/pmond.sock");
    let [.., socket] = places(false, &[variables[0], variables[1], ("PMON3_SOCKET", "/srv/s")]);
    assert_eq!(socket, "/srv/s");
}

#[test]
fn relative_paths_in_variables_start_from_the_working_directory() {
    let variables = [
        ("HOME", "/no/such/home"),
        ("PMON3_CONF", "own/config.yml"),
        ("PMON3_LOGS_DIR", "logs"),
    ];
    let [config, _, logs, _] = places(false, &variables);
    assert_eq!(
        [config, logs],
        ["/own/config.yml", "/logs"],
        "an invented environment is at /"
    );
}

#[test]
fn the_process_configuration_is_named_or_the_first_of_four_that_exists() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join("pmon3");
    fs::create_dir(&directory).unwrap();
    let found = |variables: &[(&str, &str)]| {
        let mut all = vec![("XDG_CONFIG_HOME", home.path().to_str().unwrap())];
        all.extend(variables);
        load(&Environment::new(false, all))
            .unwrap()
            .settings
            .process_config_file
    };
    assert_eq!(found(&[]), None);
    for name in [
        "process.config.toml",
        "process.config.yml",
        "process.config.yaml",
        "process.config.json",
    ] {
        fs::write(directory.join(name), "").unwrap();
        assert_eq!(found(&[]), Some(directory.join(name)));
    }
    // Beside the file in force, and nowhere else.
    assert_eq!(found(&[("PMON3_CONF", "/no/such/config.yml")]), None);
    let own = tempfile::tempdir().unwrap();
    let (conf, entries) = (own.path().join("my.yml"), own.path().join("process.config.yml"));
    fs::write(&entries, "").unwrap();
    assert_eq!(found(&[("PMON3_CONF", conf.to_str().unwrap())]), Some(entries));
    fs::write(directory.join("config.yml"), "process_config_file: /srv/key.json\n").unwrap();
    assert_eq!(found(&[]).unwrap(), Path::new("/srv/key.json"));
    let key = ("PMON3_PROCESS_CONFIG_FILE", "/srv/variable.json");
    assert_eq!(found(&[key]).unwrap(), Path::new("/srv/variable.json"));
    assert_eq!(
        found(&[key, ("PMON3_PROCESS_CONF", "/srv/conf.json")]).unwrap(),
        Path::new("/srv/conf.json")
    );
}
