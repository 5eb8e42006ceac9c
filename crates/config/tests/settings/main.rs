//! Settings: who wins, both generations of keys, and what is said about what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

mod keys;
mod variables;

use pmon3_config::{ConfigError, Environment, Loaded, LogLevel, Origin, Ownership, ProcessTree, load};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A directory with a config.yml.
struct Files(TempDir);

impl Files {
    fn with(text: &str) -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        fs::write(files.file(), text).unwrap();
        files
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("config.yml")
    }

    fn load_with(&self, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
        let file = self.file();
        let mut all = vec![("PMON3_CONF", file.to_str().unwrap())];
        all.extend(variables);
        load(&Environment::new(true, all))
    }
}

#[track_caller]
fn loaded(text: &str) -> Loaded {
    Files::with(text)
        .load_with(&[])
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What is said of a file, from the file's name on.
#[track_caller]
fn error(text: &str) -> String {
    let error = Files::with(text).load_with(&[]).expect_err(text).to_string();
    error[error
        .find("config.yml")
        .unwrap_or_else(|| panic!("no file in: {error}"))..]
        .to_owned()
}

fn value(loaded: &Loaded, key: &str) -> String {
    loaded.shown().into_iter().find(|shown| shown.key == key).unwrap().value
}

#[test]
fn an_unknown_key_is_a_warning_with_its_place_and_the_nearest_known_one() {
    for (text, line, key, nearest) in [
        ("log_levle: info\n", 1, "log_levle", Some("log_level")),
        ("\nData-Dir: /x\n", 2, "Data-Dir", Some("data_dir")),
        (
            "wait:\n  cmd_exec_respons: 5\n",
            2,
            "wait.cmd_exec_respons",
            Some("wait.cmd_exec_response"),
        ),
        (
            "flapdetection:\n  is_enabled: true\n",
            1,
            "flapdetection",
            Some("flap_detection_enabled"),
        ),
        ("zebra: 1\n", 1, "zebra", None),
        ("\"a\\nb\": 1\n", 1, "a\\nb", None),
    ] {
        let files = Files::with(text);
        let loaded = files.load_with(&[]).unwrap();
        let [warning] = &loaded.warnings[..] else {
            panic!("{text}: {:?}", loaded.warnings)
        };
        let place = format!("{}:{line}:", files.file().display());
        assert!(
            warning.starts_with(&place) && warning.contains(key),
            "{text}: {warning}"
        );
        match nearest {
            Some(nearest) => assert!(warning.ends_with(nearest), "{text}: {warning}"),
            None => assert!(!warning.contains("nearest"), "{text}: {warning}"),
        }
    }
}

#[test]
fn a_key_that_is_given_twice_is_an_error_with_both_lines() {
    for (text, second, first) in [
        ("log_level: info\nsocket: /s\nlog_level: warn\n", 3, 1),
        ("logs:\n  user: a\n  user: b\n", 3, 2),
        (
            "wait:\n  ipc_connection: 1\nlog_level: info\nwait:\n  ipc_connection: 1\n",
            4,
            1,
        ),
        ("zebra: 1\nzebra: 2\n", 2, 1),
    ] {
        let said = error(text);
        let wanted = format!("first on line {first};");
        assert!(
            said.starts_with(&format!("config.yml:{second}:")) && said.contains(&wanted),
            "{said}"
        );
    }
}

#[test]
fn of_the_flat_and_the_nested_form_of_one_key_the_flat_one_wins_with_a_warning() {
    for (text, place, line) in [
        ("logs_dir: /flat\nlogs:\n  directory: /nested\n", "3:3", 1),
        ("logs:\n  directory: /nested\nlogs_dir: /flat\n", "2:3", 3),
    ] {
        let files = Files::with(text);
        let loaded = files.load_with(&[]).unwrap();
        assert_eq!(loaded.settings.logs_dir, Path::new("/flat"), "{text}");
        assert_eq!(loaded.origin("logs_dir"), Origin::File(files.file(), line));
        let [warning] = &loaded.warnings[..] else {
            panic!("{:?}", loaded.warnings)
        };
        let said = format!(
            "{}:{place}: logs.directory has no effect: it is the same as logs_dir on line {line},",
            files.file().display()
        );
        assert!(warning.starts_with(&said), "{warning}");
    }
    // The one that has no effect must be right all the same.
    let said = error("logs_dir: /flat\nlogs:\n  directory: relative\n");
    assert!(said.starts_with("config.yml:3:14: logs.directory: found "), "{said}");
    // One without a value says nothing.
    let nested = loaded("logs_dir: \"\"\nlogs:\n  directory: /nested\n");
    assert_eq!(nested.settings.logs_dir, Path::new("/nested"));
    assert_eq!(nested.warnings, [""; 0]);
}

#[test]
fn warnings_are_no_more_than_a_person_reads() {
    let text: String = (0..40_000).map(|number| format!("strange{number}: 1\n")).collect();
    let warnings = loaded(&text).warnings;
    assert_eq!(warnings.len(), 21);
    assert_eq!(warnings[20], "… and 39980 more warnings");
}

#[test]
fn the_nested_form_of_later_releases_is_read_as_it_stands() {
    let text = "\
data:
  directory: /srv/data
  user: root
logs:
  directory: /srv/logs
  group: adm
  directory_mode: 0750
  file_mode: \"0640\"
permissions:
  user: nobody
  directory_mode: 0770
message_queue:
  directory:
    shmem: /dev/shm/
    posix_mq: /dev/mqueue/
  name_suffix: x
  user: joe
  group: staff
  directory_mode: 0770
  file_mode: 0660
wait:
  cmd_exec_response: 1
  ipc_connection: 2
  dependent_process_enqueued: 3
event_handling:
  process_restart: /bin/restart
  process_failure: [/bin/failure, two words]
  process_backoff:
flap_detection:
  is_enabled: true
  threshold_restarted: 4
  threshold_countdown: 5
  threshold_decrement: 6
disable_reloads: true
";
    let loaded = loaded(text);
    let settings = &loaded.settings;
    assert_eq!(
        (settings.data_dir.as_path(), settings.logs_dir.as_path()),
        (Path::new("/srv/data"), Path::new("/srv/logs"))
    );
    assert_eq!(
        (settings.mq_user.as_deref(), settings.mq_group.as_deref()),
        (Some("joe"), Some("staff"))
    );
    assert_eq!(settings.cmd_exec_response_wait, Duration::from_millis(1));
    assert_eq!(settings.ipc_connection_wait, Duration::from_millis(2));
    assert_eq!(settings.dependent_process_enqueued_wait, Duration::from_millis(3));
    assert_eq!(settings.on_process_restart_exec, ["/bin/restart"]);
    assert_eq!(settings.on_process_failure_exec, ["/bin/failure", "two words"]);
    assert!(settings.flap_detection_enabled && settings.disable_reloads);
    assert_eq!(settings.flap_detection_threshold_restarted, 4);
    assert_eq!(settings.flap_detection_threshold_countdown, 5);
    assert_eq!(settings.flap_detection_threshold_decrement, 6);
    let logs = Ownership {
        user: Some("nobody".to_owned()),
        group: Some("adm".to_owned()),
        directory_mode: Some(0o750),
        file_mode: Some(0o640),
    };
    assert_eq!(settings.logs_ownership(), logs);
    assert_eq!(settings.data_ownership().user.as_deref(), Some("root"));
    assert_eq!(settings.data_ownership().directory_mode, Some(0o770));
    assert_eq!(loaded.warnings, [""; 0]);
    let noted = |key: &str| {
        loaded
            .notes
            .iter()
            .any(|note| note.contains(key) && note.contains("config.yml:"))
    };
    for key in [
        "shmem",
        "posix_mq",
        "message_queue.name_suffix",
        "message_queue.directory_mode",
        "message_queue.file_mode",
    ] {
        assert!(noted(key), "{key}: {:?}", loaded.notes);
    }
    assert_eq!(loaded.notes.len(), 5);
}

#[test]
fn sections_want_maps_and_the_file_is_one() {
    for (text, place, section) in [
        ("logs: 7\n", "config.yml:1:7: ", "logs: "),
        ("a: 1\nwait: [1]\n", "config.yml:2:7: ", "wait: "),
        (
            "message_queue:\n  directory: /x\n",
            "config.yml:2:14: ",
            "message_queue.directory: ",
        ),
        ("just a text\n", "config.yml:1:1: ", ""),
        ("- a\n- b\n", "config.yml:1:1: ", ""),
    ] {
        let said = error(text);
        assert!(
            said.starts_with(&format!("{place}{section}found ")) && said.contains("a map of keys"),
            "{said}"
        );
    }
}

#[test]
fn truth_values_of_yaml_1_1_are_taken_as_the_predecessor_took_them() {
    for (text, expected) in [
        ("yes", true),
        ("on", true),
        ("True", true),
        ("no", false),
        ("off", false),
        ("FALSE", false),
    ] {
        assert_eq!(
            loaded(&format!("auto_start: {text}\n")).settings.auto_start,
            expected,
            "{text}"
        );
    }
}

#[test]
fn words_for_levels_and_trees_are_known() {
    let loaded = loaded("log_level: ERROR\nprocess_tree: \"cgroup\"\n");
    assert_eq!(
        (loaded.settings.log_level, loaded.settings.process_tree),
        (LogLevel::Error, ProcessTree::Cgroup)
    );
}

#[test]
fn a_longer_delay_raises_the_maximum_unless_that_says_otherwise() {
    assert_eq!(
        loaded("restart_delay: 20000\n").settings.restart_delay_max,
        Duration::from_secs(20)
    );
    let said = error("restart_delay: 500\nrestart_delay_max: 400\n");
    assert!(
        said.starts_with("config.yml:2:") && said.contains("500") && said.contains("400"),
        "{said}"
    );
}

#[test]
fn a_missing_or_empty_file_means_defaults() {
    let files = Files::with("");
    for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
        fs::write(files.file(), text).unwrap();
        assert!(files.load_with(&[]).unwrap().origins.is_empty(), "{text:?}");
    }
    fs::remove_file(files.file()).unwrap();
    assert!(files.load_with(&[]).unwrap().origins.is_empty());
    assert!(load(&Environment::new(true, [("PMON3_CONF", "/dev/null")])).is_ok());
}
