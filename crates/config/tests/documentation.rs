//! The files of the predecessor's documentation, letter by letter.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use pmon3_config::{Entry, Environment, LogLevel, Origin, load, read_entries};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/documentation")
        .join(name)
}

#[test]
fn the_documented_config_yml_is_read_as_it_stands() {
    let loaded = load(&Environment::new(true, [("PMON3_CONF", file("config.yml"))])).unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.data_dir, Path::new("/etc/pmon3/data"));
    assert_eq!(settings.logs_dir, Path::new("/var/log/pmond"));
    assert_eq!(settings.log_level, LogLevel::Info);
    assert!(settings.handle_interrupts && !settings.flap_detection_enabled);
    assert_eq!(settings.process_monitor_interval, Duration::from_millis(500));
    assert_eq!(settings.initialization_period, Duration::from_secs(30));
    assert_eq!(settings.flap_detection_threshold_restarted, 5);
    assert_eq!(settings.flap_detection_threshold_countdown, 120);
    assert_eq!(settings.flap_detection_threshold_decrement, 60);
    assert_eq!(settings.cmd_exec_response_wait, Duration::from_millis(1500));
    assert_eq!(settings.ipc_connection_wait, Duration::ZERO);
    assert_eq!(settings.dependent_process_enqueued_wait, Duration::from_millis(2000));
    assert!(settings.on_process_restart_exec.is_empty() && settings.on_process_failure_exec.is_empty());
    assert_eq!((&settings.mq_user, &settings.mq_group), (&None, &None));
    let process_file = Path::new("/etc/pmon3/config/process.config.json");
    assert_eq!(settings.process_config_file.as_deref(), Some(process_file));
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.notes.len(), 1, "shmem_dir has no effect: {:?}", loaded.notes);
    assert_eq!(
        loaded.origin("mq_user"),
        Origin::Default,
        "a key without a value says nothing"
    );
}

/// What all three files say.
fn documented() -> Vec<Entry> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    vec![
        Entry {
            file: "/usr/local/bin/happac".to_owned(),
            name: Some("happac1".to_owned()),
            args: words("-h startup-patroni-1.node.consul -p 5555 -r 5000"),
            user: Some("vagrant".to_owned()),
            log_dir: Some("/var/log/custom/".to_owned()),
            dependencies: words("happac2"),
            groups: words("happac"),
            ..Entry::default()
        },
        Entry {
            file: "/usr/local/bin/happab".to_owned(),
            name: Some("happac2".to_owned()),
            log: Some("/var/log/happac2.log".to_owned()),
            args: words("-h startup-patroni-1.node.consul -p 5556 -r 5001"),
            user: Some("vagrant".to_owned()),
            no_auto_restart: true,
            groups: words("happac"),
            ..Entry::default()
        },
        Entry {
            file: "/usr/local/bin/node".to_owned(),
            name: Some("metabase-api".to_owned()),
            args: words("/var/www/vhosts/metabase-api/index.js"),
            env_vars: [("NODE_ENV".to_owned(), "prod".to_owned())].into(),
            user: Some("dw_user".to_owned()),
            ..Entry::default()
        },
    ]
}

#[test]
fn the_documented_process_configurations_are_read_as_they_stand() {
    for name in ["process.config.json", "process.config.yaml", "process.config.toml"] {
        assert_eq!(read_entries(&file(name)).unwrap(), documented(), "{name}");
    }
}
