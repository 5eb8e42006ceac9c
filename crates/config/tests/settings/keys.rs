//! Each key with each of its names: a good value, wrong types, values out of range.

use super::{Files, error, loaded, value};
use pmon3_config::Origin;

/// A key: its name in the flat and in the nested form, a value and how it is shown, a value of a wrong type, and one out
/// of range.
struct Case {
    names: &'static [&'static str],
    good: (&'static str, &'static str),
    bad: &'static [&'static str],
}

const fn case(names: &'static [&'static str], good: &'static str, bad: &'static [&'static str]) -> Case {
    Case {
        names,
        good: (good, good),
        bad,
    }
}

const PATHS: &[&str] = &["[/a]", "{a: b}", "relative/path", "7"];
const NAMES: &[&str] = &["[a]", "{a: b}"];
const TRUTHS: &[&str] = &["perhaps", "2", "1", "\"true\"", "[true]", "{a: b}"];
const MODES: &[&str] = &["1000", "0888", "rwx", "-1", "+700", "[0700]", "{a: b}", "00000700"];
const COMMANDS: &[&str] = &["{a: b}", "[[a]]", "\"'open\""];

fn cases() -> Vec<Case> {
    let numbers: &[&str] = &[
        "soon",
        "-1",
        "1.5",
        "\"5\"",
        "[5]",
        "{a: b}",
        "99999999999999999999",
        "0x10",
    ];
    let mut cases = vec![
        case(&["data_dir", "data.directory"], "/srv/data", PATHS),
        case(&["logs_dir", "logs.directory"], "/srv/logs", PATHS),
        case(&["socket"], "/run/s", PATHS),
        case(&["process_config_file"], "/srv/p.toml", PATHS),
        case(
            &["posix_mq_dir", "message_queue.directory.posix_mq"],
            "/dev/mqueue/",
            PATHS,
        ),
        case(&["shmem_dir", "message_queue.directory.shmem"], "/dev/shm/", PATHS),
        case(&["log_level"], "warn", &["loud", "5", "true", "[info]", "{a: b}"]),
        case(&["process_tree"], "session", &["magic", "5", "[auto]", "{a: b}"]),
        case(
            &["stop_timeout"],
            "2.5",
            &["soon", "-1", "86401", "nan", "inf", "1e300", "[5]", "{a: b}", "\"5\""],
        ),
        case(&["mq_user", "message_queue.user"], "joe", NAMES),
        case(&["mq_group", "message_queue.group"], "staff", NAMES),
        case(&["admin_group"], "wheel", NAMES),
        case(&["mq_suffix", "message_queue.name_suffix"], "x", NAMES),
    ];
    for name in [
        "logs.user",
        "logs.group",
        "data.user",
        "data.group",
        "permissions.user",
        "permissions.group",
    ] {
        cases.push(case(Box::leak(Box::new([name])), "joe", NAMES));
    }
    for name in ["logs", "data", "permissions", "message_queue"] {
        for mode in ["directory_mode", "file_mode"] {
            let name: &str = Box::leak(format!("{name}.{mode}").into_boxed_str());
            cases.push(case(Box::leak(Box::new([name])), "0640", MODES));
        }
    }
    for names in [
        &["handle_interrupts"][..],
        &["flap_detection_enabled", "flap_detection.is_enabled"],
        &["auto_start"],
        &["disable_reloads"],
    ] {
        cases.push(case(names, "false", TRUTHS));
    }
    for (names, out_of_range) in [
        (&["process_monitor_interval"][..], &["0", "3600001"][..]),
        (&["initialization_period"], &["86401"]),
        (
            &[
                "flap_detection_threshold_restarted",
                "flap_detection.threshold_restarted",
            ],
            &["0", "1000001"],
        ),
        (
            &[
                "flap_detection_threshold_countdown",
                "flap_detection.threshold_countdown",
            ],
            &["0", "1000001"],
        ),
        (
            &[
                "flap_detection_threshold_decrement",
                "flap_detection.threshold_decrement",
            ],
            &["1000001"],
        ),
        (&["cmd_exec_response_wait", "wait.cmd_exec_response"], &["600001"]),
        (&["ipc_connection_wait", "wait.ipc_connection"], &["60001"]),
        (
            &["dependent_process_enqueued_wait", "wait.dependent_process_enqueued"],
            &["86400001"],
        ),
        (&["restart_delay"], &["0", "86400001"]),
        (&["restart_delay_max"], &["0", "86400001"]),
    ] {
        cases.push(case(names, "777", numbers));
        cases.push(case(names, "777", out_of_range));
    }
    for (flat, nested) in [
        ("on_process_restart_exec", "event_handling.process_restart"),
        ("on_process_failure_exec", "event_handling.process_failure"),
        ("on_process_backoff_exec", "event_handling.process_backoff"),
    ] {
        cases.push(case(Box::leak(Box::new([flat, nested])), "/bin/on -x", COMMANDS));
    }
    cases
}

/// The lines that set a key, by its path, and on which line the value stands.
fn lines(path: &str, value: &str) -> (String, usize) {
    let parts: Vec<&str> = path.split('.').collect();
    let line = |(depth, part): (usize, &&str)| format!("{}{part}:", "  ".repeat(depth));
    let text = parts.iter().enumerate().map(line).collect::<Vec<_>>().join("\n");
    (format!("# a comment\n{text} {value}\n"), parts.len() + 1)
}

#[test]
fn every_key_is_taken_by_each_of_its_names() {
    for case in cases() {
        for name in case.names {
            let (text, line) = lines(name, case.good.0);
            let files = Files::with(&text);
            let loaded = files.load_with(&[]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(value(&loaded, case.names[0]), case.good.1, "{name}");
            assert_eq!(loaded.origin(case.names[0]), Origin::File(files.file(), line), "{name}");
            assert_eq!(loaded.warnings, [""; 0], "{name}");
        }
    }
}

#[test]
fn a_key_whose_value_is_empty_has_its_default() {
    let default = loaded("");
    for case in cases() {
        for (name, empty) in case.names.iter().flat_map(|name| [(name, ""), (name, "\"\"")]) {
            let loaded = loaded(&lines(name, empty).0);
            assert_eq!(loaded.settings, default.settings, "{name}: {empty}");
            assert_eq!(loaded.origin(case.names[0]), Origin::Default, "{name}: {empty}");
        }
    }
}

#[test]
fn the_table_of_this_test_has_every_key() {
    for shown in loaded("").shown() {
        let has = cases().iter().any(|case| case.names[0] == shown.key);
        assert!(has, "{} is not tried", shown.key);
    }
}

#[test]
fn a_wrong_value_is_an_error_with_file_line_key_what_was_found_and_what_is_wanted() {
    for case in cases() {
        for (name, bad) in case
            .names
            .iter()
            .flat_map(|name| case.bad.iter().map(move |bad| (name, bad)))
        {
            let (text, line) = lines(name, bad);
            let said = error(&text);
            assert!(
                said.starts_with(&format!("config.yml:{line}:")),
                "{name}: {bad}: {said}"
            );
            assert!(said.contains(&format!(": {name}: found ")), "{name}: {bad}: {said}");
            assert!(
                said.contains("wanted") || said.contains("not closed"),
                "{name}: {bad}: {said}"
            );
            assert!(!said.contains('\n'), "one line: {said}");
        }
    }
}

#[test]
fn every_key_is_set_by_pmon3_and_its_name_in_capitals() {
    for case in cases() {
        for name in case.names {
            let variable = format!("PMON3_{}", name.replace('.', "_").to_uppercase());
            let loaded = Files::with("").load_with(&[(&variable, case.good.0)]).unwrap();
            assert_eq!(value(&loaded, case.names[0]), case.good.1, "{variable}");
            assert_eq!(loaded.warnings, [""; 0], "{variable}");
        }
    }
}
