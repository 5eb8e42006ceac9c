//! The configuration: where it is read from, that changes take effect, that a broken one does no harm.

use crate::world::{PMON3, World, kernel, run, until};
use rustix::process::Signal;
use serde_json::json;

#[test]
fn a_change_takes_effect_with_the_next_command() {
    let world = World::new();
    let before = world.at("logs/a.log");
    world.exec("a", "hold");
    assert_eq!(world.desc("a")["log"], json!(before));
    world.configure(&format!("logs_dir: {}\n", world.at("other")));
    world.exec("b", "hold");
    assert_eq!(world.desc("b")["log"], json!(world.at("other/b.log")));
    assert_eq!(world.desc("a")["log"], json!(before), "what exists stays as it is");
}

#[test]
fn sighup_reads_the_configuration() {
    let world = World::with("log_level: error\n");
    world.configure("log_level: debug\n");
    kernel::signal(world.daemon_pid(), Signal::HUP);
    until("a line about it", || {
        world.daemon_log().to_lowercase().contains("config")
    });
}

#[test]
fn with_reloads_disabled_a_change_waits_for_the_next_start() {
    let mut world = World::with("disable_reloads: true\n");
    world.configure(&format!("disable_reloads: true\nlogs_dir: {}\n", world.at("other")));
    kernel::signal(world.daemon_pid(), Signal::HUP);
    until("a line about it", || world.daemon_log().contains("disable_reloads"));
    world.exec("a", "hold");
    assert_eq!(world.desc("a")["log"], json!(world.at("logs/a.log")));
    world.stop();
    world.start();
    world.exec("b", "hold");
    assert_eq!(world.desc("b")["log"], json!(world.at("other/b.log")));
}

#[test]
fn directories_and_database_get_the_mode_that_is_asked_for() {
    use std::os::unix::fs::MetadataExt;
    let world = World::with(
        "permissions: {directory_mode: \"0750\"}\ndata: {directory_mode: \"0710\", file_mode: \"0640\"}\nlogs: {file_mode: \"0600\"}\n",
    );
    world.exec("web", "hold");
    let mode = |name: &str| std::fs::metadata(world.path(name)).unwrap().mode() & 0o7777;
    assert_eq!(
        [mode("logs"), mode("data"), mode("data/data.db"), mode("logs/web.log")],
        [0o750, 0o710, 0o640, 0o600]
    );
}

#[test]
fn an_unknown_owner_of_a_directory_is_an_error_that_names_the_key() {
    let world = World::without_daemon("logs: {user: no-such-user}\n");
    let said = world.start_in_vain().stderr;
    assert!(said.contains("logs.user") && said.contains("no-such-user"), "{said}");
}

#[test]
fn a_command_waits_after_connecting_as_long_as_it_is_asked_to() {
    let world = World::with("ipc_connection_wait: 300\n");
    let began = std::time::Instant::now();
    world.pmon3(&["ls"]);
    assert!(began.elapsed() >= std::time::Duration::from_millis(300));
}

#[test]
fn a_broken_change_keeps_the_last_good_one_and_is_shown_by_the_next_command() {
    let world = World::new();
    world.configure(&format!("logs_dir: {}\nrestart_delay: soon\n", world.at("other")));
    let output = world.exec("web", "hold");
    assert!(
        output.stderr.contains("restart_delay") && output.stderr.contains("config.yml"),
        "{}",
        output.stderr
    );
    assert_eq!(world.desc("web")["log"], json!(world.at("logs/web.log")));
    assert!(world.daemon_log().contains("restart_delay"));
    world.configure("");
    assert_eq!(world.pmon3(&["ls"]).stderr, "");
}

#[test]
fn a_broken_configuration_at_the_start_is_an_error_with_file_line_and_key() {
    for (settings, wanted) in [
        ("restart_delay: soon\n", &["restart_delay", "soon"][..]),
        ("handle_interrupts: perhaps\n", &["handle_interrupts", "perhaps"]),
        ("stop_timeout: -1\n", &["stop_timeout", "-1"]),
        ("log_level: loud\n", &["log_level", "loud"]),
        ("logs: 7\n", &["logs"]),
        ("wait: {cmd_exec_response: x}\n", &["cmd_exec_response", "x"]),
        ("a: [\n", &[]),
    ] {
        let world = World::without_daemon(settings);
        let said = world.start_in_vain().stderr;
        let lines = world.read("config.yml").lines().count();
        assert!(
            said.contains(&format!("config.yml:{lines}")),
            "{settings}: no file and line in: {said}"
        );
        for part in wanted {
            assert!(said.contains(part), "{settings}: `{part}` is not in: {said}");
        }
    }
}

#[test]
fn an_unknown_key_is_a_warning_with_the_nearest_known_one() {
    let world = World::with("log_levle: info\n");
    let log = world.daemon_log();
    assert!(log.contains("log_levle") && log.contains("log_level"), "{log}");
}

#[test]
fn the_environment_wins_over_the_file() {
    for (variable, value, wins) in [
        ("CONFIGOR_LOGSDIR", "first", "first"),
        ("PMON3_LOGS_DIR", "second", "second"),
    ] {
        let mut world = World::without_daemon("");
        let mut command = world.daemon_command();
        command
            .env("CONFIGOR_LOGSDIR", world.path("first"))
            .env(variable, world.path(value));
        world.start_by(&mut command);
        world.exec("web", "hold");
        assert_eq!(world.desc("web")["log"], json!(world.at(&format!("{wins}/web.log"))));
    }
}

#[test]
fn a_missing_configuration_means_defaults() {
    let mut world = World::without_daemon("");
    std::fs::remove_file(world.path("config.yml")).unwrap();
    let mut command = world.daemon_command();
    // An ordinary user's defaults are below their home, which is this world's; root's are not.
    for (name, dir) in [("DATA_DIR", "data"), ("LOGS_DIR", "logs"), ("SOCKET", "pmond.sock")] {
        command.env(format!("PMON3_{name}"), world.path(dir));
    }
    command.env("PMON3_PROCESS_CONF", world.path("process.config.json"));
    world.start_by(&mut command);
    world.pmon3(&["ls"]);
}

#[test]
fn the_nested_keys_of_later_releases_are_taken_as_they_are() {
    let mut world = World::without_daemon("");
    let text = format!(
        "logs:\n  directory: {}\ndata:\n  directory: {}\nwait:\n  cmd_exec_response: 30000\n  dependent_process_enqueued: 0\n\
         flap_detection:\n  is_enabled: true\n  threshold_restarted: 3\nmessage_queue:\n  directory:\n    shmem: /dev/shm/\n\
         socket: {}\nlog_level: info\n",
        world.at("nested-logs"),
        world.at("data"),
        world.socket().display()
    );
    world.write("config.yml", &text);
    world.start();
    world.exec("web", "hold");
    assert_eq!(world.desc("web")["log"], json!(world.at("nested-logs/web.log")));
    let log = world.daemon_log();
    assert!(
        log.contains("shmem"),
        "a line about the key that configures nothing: {log}"
    );
}

#[test]
fn config_check_looks_at_a_file_without_a_daemon() {
    let world = World::without_daemon("");
    world.pmon3(&["config", "check"]);
    world.pmon3(&["config", "check", &world.at("config.yml")]);
    let bad = world.write("bad.yml", "log_level: info\nrestart_delay: soon\n");
    let said = world.run(&["config", "check", &bad]).fails().stderr;
    assert!(said.contains("bad.yml:2") && said.contains("restart_delay"), "{said}");
    let bad = world.write("bad.json", "{\"processes\": [\n{\"name\": 7}]}");
    let said = world.run(&["config", "check", &bad]).fails().stderr;
    assert!(said.contains("bad.json:2"), "{said}");
    assert!(
        world
            .run(&["config", "check", "/no/such/file"])
            .fails()
            .stderr
            .contains("/no/such/file")
    );
}

#[test]
fn config_show_tells_where_each_value_came_from() {
    let world = World::without_daemon("restart_delay: 250\n");
    let mut command = world.client(PMON3);
    command
        .args(["config", "show"])
        .env("PMON3_AUTO_START", "false")
        .env("CONFIGOR_LOGLEVEL", "warn");
    let shown = run::to_end(&mut command).succeeds().stdout;
    let line = |key: &str| {
        shown
            .lines()
            .find(|line| line.contains(key))
            .unwrap_or_else(|| panic!("{key}: {shown}"))
    };
    assert!(
        line("restart_delay").contains("250") && line("restart_delay").contains("config.yml:"),
        "{shown}"
    );
    assert!(line("auto_start").contains("PMON3_AUTO_START"), "{shown}");
    assert!(line("log_level").contains("CONFIGOR_LOGLEVEL"), "{shown}");
    assert!(line("restart_delay_max").contains("default"), "{shown}");
}

#[test]
fn every_configor_variable_of_the_documentation_sets_its_key() {
    let world = World::without_daemon("");
    let own = world.at("own");
    for (variable, key, value) in [
        ("DATADIR", "data_dir", own.as_str()),
        ("LOGSDIR", "logs_dir", &own),
        ("LOGLEVEL", "log_level", "warn"),
        ("HANDLEINTERRUPTS", "handle_interrupts", "false"),
        ("INITIALIZATIONPERIOD", "initialization_period", "77"),
        ("PROCESSMONITORINTERVAL", "process_monitor_interval", "777"),
        ("FLAPDETECTIONENABLED", "flap_detection_enabled", "true"),
        (
            "FLAPDETECTIONTHRESHOLDRESTARTED",
            "flap_detection_threshold_restarted",
            "77",
        ),
        (
            "FLAPDETECTIONTHRESHOLDCOUNTDOWN",
            "flap_detection_threshold_countdown",
            "777",
        ),
        (
            "FLAPDETECTIONTHRESHOLDDECREMENT",
            "flap_detection_threshold_decrement",
            "77",
        ),
        ("CMDEXECRESPONSEWAIT", "cmd_exec_response_wait", "7777"),
        ("IPCCONNECTIONWAIT", "ipc_connection_wait", "77"),
        ("DEPENDENTPROCESSENQUEUEDWAIT", "dependent_process_enqueued_wait", "777"),
        ("ONPROCESSRESTARTEXEC", "on_process_restart_exec", "/bin/true"),
        ("ONPROCESSFAILUREEXEC", "on_process_failure_exec", "/bin/true"),
        ("POSIXMESSAGEQUEUEDIR", "posix_mq_dir", &own),
        ("SHMEMDIR", "shmem_dir", &own),
        ("MESSAGEQUEUEUSER", "mq_user", "nobody"),
        ("MESSAGEQUEUEGROUP", "mq_group", "games"),
        ("PROCESSCONFIGFILE", "process_config_file", &own),
    ] {
        let variable = format!("CONFIGOR_{variable}");
        let mut command = world.client(PMON3);
        command.args(["config", "show"]).env(&variable, value);
        let shown = run::to_end(&mut command).succeeds().stdout;
        let line = shown
            .lines()
            .find(|line| line.contains(&variable))
            .unwrap_or_else(|| panic!("{variable}: {shown}"));
        assert!(
            line.split_whitespace().any(|word| word.trim_end_matches(':') == key),
            "{key}: {line}"
        );
        assert!(line.contains(value), "{value}: {line}");
    }
}
