//! Environment variables: who wins, and what is said about what is wrong.

use super::{Files, loaded, value};
use pmon3_config::{LogLevel, Origin};

#[test]
fn a_wrong_value_in_a_variable_is_an_error_that_names_the_variable_and_the_key() {
    for (variable, value, key) in [
        ("PMON3_RESTART_DELAY", "soon", "restart_delay"),
        ("CONFIGOR_LOGLEVEL", "loud", "log_level"),
        ("PMON3_AUTO_START", "perhaps", "auto_start"),
        (
            "CONFIGOR_FLAPDETECTIONTHRESHOLDRESTARTED",
            "0",
            "flap_detection_threshold_restarted",
        ),
        ("PMON3_LOGS_FILE_MODE", "9", "logs.file_mode"),
        ("CONFIGOR_ONPROCESSRESTARTEXEC", "'open", "on_process_restart_exec"),
    ] {
        let said = Files::with("").load_with(&[(variable, value)]).unwrap_err().to_string();
        for part in [variable, key, value] {
            assert!(said.contains(part), "{part} is not in: {said}");
        }
    }
}

#[test]
fn a_misspelt_variable_is_a_warning_and_a_strange_one_is_not() {
    let loaded = Files::with("")
        .load_with(&[
            ("PMON3_LOGLEVEL", "debug"),
            ("PMON3_TEST_PROGRAMS", "x"),
            ("PMON3_TEST_DIR", "x"),
            ("PMON3_MARK", "x"),
            ("PMON3_COMMIT", "x"),
            ("CONFIGOR_LOG_LEVEL", "x"),
        ])
        .unwrap();
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    for (variable, nearest) in [
        ("PMON3_LOGLEVEL", "PMON3_LOG_LEVEL"),
        ("CONFIGOR_LOG_LEVEL", "CONFIGOR_LOGLEVEL"),
    ] {
        let said = |warning: &String| warning.contains(variable) && warning.ends_with(nearest);
        assert!(loaded.warnings.iter().any(said), "{variable}: {:?}", loaded.warnings);
    }
}

#[test]
fn pmon3_wins_over_configor_and_that_over_the_file_and_that_over_the_default() {
    let files = Files::with("restart_delay: 300\nmq_user: file\n");
    let delay = |variables: &[(&str, &str)]| {
        let loaded = files.load_with(variables).unwrap();
        (value(&loaded, "restart_delay"), loaded.origin("restart_delay"))
    };
    let (configor, pmon3) = (("CONFIGOR_RESTARTDELAY", "400"), ("PMON3_RESTART_DELAY", "500"));
    assert_eq!(value(&loaded(""), "restart_delay"), "100");
    assert_eq!(delay(&[]), ("300".to_owned(), Origin::File(files.file(), 1)));
    assert_eq!(
        delay(&[configor]),
        ("400".to_owned(), Origin::Variable(configor.0.to_owned()))
    );
    assert_eq!(
        delay(&[configor, pmon3]),
        ("500".to_owned(), Origin::Variable(pmon3.0.to_owned()))
    );
    assert_eq!(
        delay(&[("PMON3_RESTART_DELAY", "")]).0,
        "300",
        "an empty variable is not set"
    );
}

#[test]
fn every_configor_variable_of_the_predecessor_sets_its_key() {
    for (variable, value_of, key) in [
        ("DATADIR", "/d", "data_dir"),
        ("LOGSDIR", "/l", "logs_dir"),
        ("LOGLEVEL", "error", "log_level"),
        ("HANDLEINTERRUPTS", "false", "handle_interrupts"),
        ("INITIALIZATIONPERIOD", "7", "initialization_period"),
        ("PROCESSMONITORINTERVAL", "7", "process_monitor_interval"),
        ("FLAPDETECTIONENABLED", "true", "flap_detection_enabled"),
        (
            "FLAPDETECTIONTHRESHOLDRESTARTED",
            "7",
            "flap_detection_threshold_restarted",
        ),
        (
            "FLAPDETECTIONTHRESHOLDCOUNTDOWN",
            "7",
            "flap_detection_threshold_countdown",
        ),
        (
            "FLAPDETECTIONTHRESHOLDDECREMENT",
            "7",
            "flap_detection_threshold_decrement",
        ),
        ("CMDEXECRESPONSEWAIT", "7", "cmd_exec_response_wait"),
        ("IPCCONNECTIONWAIT", "7", "ipc_connection_wait"),
        ("DEPENDENTPROCESSENQUEUEDWAIT", "7", "dependent_process_enqueued_wait"),
        ("ONPROCESSRESTARTEXEC", "/bin/on", "on_process_restart_exec"),
        ("ONPROCESSFAILUREEXEC", "/bin/on", "on_process_failure_exec"),
        ("POSIXMESSAGEQUEUEDIR", "/dev/mqueue/", "posix_mq_dir"),
        ("SHMEMDIR", "/dev/shm/", "shmem_dir"),
        ("EVENTHANDLER_PROCESSRESTART", "/bin/on", "on_process_restart_exec"),
        ("EVENTHANDLER_PROCESSFAILURE", "/bin/on", "on_process_failure_exec"),
        ("EVENTHANDLER_PROCESSBACKOFF", "/bin/on", "on_process_backoff_exec"),
        ("MESSAGEQUEUE_DIRECTORY_POSIXMQ", "/dev/mqueue/", "posix_mq_dir"),
        ("MESSAGEQUEUESUFFIX", "x", "mq_suffix"),
        ("MESSAGEQUEUEUSER", "joe", "mq_user"),
        ("MESSAGEQUEUEGROUP", "staff", "mq_group"),
        ("PROCESSCONFIGFILE", "/p.json", "process_config_file"),
    ] {
        let variable = format!("CONFIGOR_{variable}");
        let loaded = Files::with("").load_with(&[(&variable, value_of)]).unwrap();
        assert_eq!(value(&loaded, key), value_of, "{variable}");
        assert_eq!(loaded.origin(key), Origin::Variable(variable));
        assert_eq!(loaded.warnings, [""; 0]);
    }
}

#[test]
fn switches_in_variables_may_be_1_and_0() {
    let loaded = Files::with("")
        .load_with(&[("PMON3_AUTO_START", "0"), ("CONFIGOR_FLAPDETECTIONENABLED", "1")])
        .unwrap();
    assert!(!loaded.settings.auto_start && loaded.settings.flap_detection_enabled);
}

#[test]
fn pmon3_debug_is_stronger_than_all_else_about_the_level() {
    for (value, level) in [
        ("true", LogLevel::Debug),
        ("1", LogLevel::Debug),
        ("debug", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
        ("false", LogLevel::Warn),
        ("", LogLevel::Warn),
    ] {
        let files = Files::with("log_level: error\n");
        let loaded = files
            .load_with(&[("PMON3_LOG_LEVEL", "warn"), ("PMON3_DEBUG", value)])
            .unwrap();
        assert_eq!(loaded.settings.log_level, level, "{value}");
    }
    let loaded = Files::with("log_level: error\n")
        .load_with(&[("PMON3_DEBUG", "loud")])
        .unwrap();
    assert_eq!(loaded.settings.log_level, LogLevel::Error, "a word that means nothing");
    assert_eq!(
        loaded.warnings,
        ["environment variable PMON3_DEBUG has no effect: found \"loud\", wanted true, debug, info, warn or error"]
    );
}
