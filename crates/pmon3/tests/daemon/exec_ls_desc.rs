//! The everyday commands.

use crate::world::{World, fixture, kernel, until, until_some};
use serde_json::json;
use std::collections::BTreeSet;

/// The keys that the contract promises for `ls --json` and `desc --json`.
const KEYS: [&str; 24] = [
    "id",
    "name",
    "pid",
    "status",
    "restart_count",
    "user",
    "uid",
    "gid",
    "process_file",
    "args",
    "env_vars",
    "cwd",
    "log",
    "auto_restart",
    "dependencies",
    "groups",
    "cpu_percent",
    "memory_bytes",
    "created_at",
    "updated_at",
    "started_at",
    "exit_code",
    "signal",
    "error",
];

#[test]
fn exec_starts_the_program_and_prints_it() {
    let world = World::new();
    let printed = world.exec("web", "hold").stdout;
    assert!(printed.contains("web") && printed.contains("running"), "{printed}");
    let pid = world.pid("web");
    let cmdline = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
    assert_eq!(cmdline, format!("{}\0hold\0", fixture().display()));
}

#[test]
fn ls_and_desc_show_every_field_of_the_contract() {
    let world = World::new();
    world.exec("web", "hold");
    let keys: BTreeSet<&str> = KEYS.into_iter().collect();
    let listed = world.list();
    assert_eq!(listed.len(), 1);
    for view in [&listed[0], &world.desc("web")] {
        let found: BTreeSet<&str> = view.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, keys);
    }
    let view = world.desc("web");
    for (key, value) in [
        ("id", json!(1)),
        ("name", json!("web")),
        ("status", json!("running")),
        ("restart_count", json!(0)),
        ("uid", json!(rustix::process::geteuid().as_raw())),
        ("gid", json!(rustix::process::getegid().as_raw())),
        ("process_file", json!(fixture())),
        ("args", json!(["hold"])),
        ("env_vars", json!({})),
        ("cwd", json!(world.path("logs").parent())),
        ("log", json!(world.at("logs/web.log"))),
        ("auto_restart", json!(true)),
        ("dependencies", json!([])),
        ("groups", json!([])),
        ("exit_code", json!(null)),
        ("signal", json!(null)),
        ("error", json!(null)),
    ] {
        assert_eq!(view[key], value, "{key}");
    }
    assert!(view["memory_bytes"].as_u64().unwrap() > 0);
    for time in ["created_at", "updated_at", "started_at"] {
        let text = view[time].as_str().unwrap();
        assert!(
            text.parse::<jiff::Timestamp>().is_ok(),
            "{time} is not RFC 3339: {text}"
        );
    }
}

#[test]
fn a_process_that_takes_the_name_of_a_deleted_one_keeps_its_log() {
    let world = World::new();
    for round in 0..20 {
        world.exec("web", &format!("say=round-{round} hold"));
        until("its line", || world.read("logs/web.log") == format!("round-{round}\n"));
        world.pmon3(&["del", "web", "--force"]);
    }
    assert!(!world.path("logs/web.log").exists());
}

#[test]
fn a_name_is_by_default_the_base_name_of_the_file() {
    let world = World::new();
    world.pmon3(&["exec", fixture().to_str().unwrap(), "--args", "hold"]);
    assert_eq!(world.names(), ["fixture"]);
}

#[test]
fn a_file_is_found_relative_to_the_caller_and_in_the_callers_path() {
    let world = World::new();
    world.script("server", "#!/bin/sh\nexec sleep 1000\n");
    world.pmon3(&["exec", "./server"]);
    assert_eq!(world.desc("server")["process_file"], json!(world.at("server")));
    world.pmon3(&["exec", "sleep", "--args", "1000"]);
    let found = world.desc("sleep")["process_file"].as_str().unwrap().to_owned();
    assert!(found.starts_with('/') && found.ends_with("/sleep"), "{found}");
    // Its parent goes on as soon as execve cannot fail any more, which is a moment before the arguments are in place.
    let cmdline = until_some("its arguments", || {
        let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", world.pid("sleep"))).unwrap();
        (!cmdline.is_empty()).then_some(cmdline)
    });
    assert_eq!(cmdline, "sleep\u{0}1000\0", "argv[0] is the file as it was given");
}

#[test]
fn arguments_are_split_as_a_shell_splits_words() {
    let world = World::new();
    world.exec("web", r#"say=a\ b 'say=c  d' "say=e'f" hold"#);
    assert_eq!(
        world.desc("web")["args"],
        json!(["say=a b", "say=c  d", "say=e'f", "hold"])
    );
    crate::world::until("the program's lines", || {
        world.read("logs/web.log") == "a b\nc  d\ne'f\n"
    });
}

#[test]
fn every_flag_of_exec_is_kept_and_shown() {
    let world = World::new();
    std::fs::create_dir(world.path("place")).unwrap();
    world.exec("base", "hold");
    let user = world.desc("base")["user"].as_str().unwrap().to_owned();
    world.exec_with(
        "web",
        "hold",
        &[
            "--env-vars",
            "A=1 B='two words'",
            "--cwd",
            &world.at("place"),
            "--log",
            &world.at("place/own.log"),
            "--user",
            &user,
            "--no-autorestart",
            "--dependencies",
            "base",
            "--groups",
            "one",
            "--groups",
            "two",
        ],
    );
    let view = world.desc("web");
    assert_eq!(view["env_vars"], json!({"A": "1", "B": "two words"}));
    assert_eq!(view["cwd"], json!(world.at("place")));
    assert_eq!(view["log"], json!(world.at("place/own.log")));
    assert_eq!(view["auto_restart"], json!(false));
    assert_eq!(view["dependencies"], json!(["base"]));
    assert_eq!(view["groups"], json!(["one", "two"]));
    world.exec_with("third", "hold", &["--log-dir", &world.at("place")]);
    assert_eq!(world.desc("third")["log"], json!(world.at("place/third.log")));
    world.exec_with("fourth", "hold", &["--log_dir", &world.at("place")]);
    assert_eq!(world.desc("fourth")["log"], json!(world.at("place/fourth.log")));
}

#[test]
fn the_short_flags_of_exec_mean_the_same() {
    let world = World::new();
    let log = world.at("own.log");
    world.pmon3(&["run", fixture().to_str().unwrap(), "-a", "hold", "-l", &log, "-n"]);
    let view = world.desc("fixture");
    assert_eq!((&view["log"], &view["auto_restart"]), (&json!(log), &json!(false)));
}

#[test]
fn processes_are_selected_by_id_by_name_and_by_comma_lists_of_both() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.exec(name, "hold");
    }
    world.pmon3(&["stop", "1,c"]);
    assert_eq!(
        [world.status("a"), world.status("2"), world.status("3")],
        ["stopped", "running", "stopped"]
    );
    world.pmon3(&["start", "a, 3"]);
    assert_eq!([world.status("1"), world.status("c")], ["running", "running"]);
}

#[test]
fn stop_ends_it_and_start_starts_it_again() {
    let world = World::new();
    world.exec("web", "hold");
    let pid = world.pid("web");
    world.pmon3(&["stop", "web"]);
    assert!(!kernel::is_alive(pid));
    let view = world.desc("web");
    assert_eq!(
        (&view["status"], &view["pid"], &view["signal"]),
        (&json!("stopped"), &json!(null), &json!(15))
    );
    world.pmon3(&["start", "web"]);
    assert_eq!(world.restarts("web"), 0, "a start is no restart");
    assert!(kernel::is_alive(world.pid("web")));
}

#[test]
fn restart_replaces_the_process_and_counts_and_stop_and_reset_clear_the_counter() {
    let world = World::new();
    world.exec("web", "hold");
    let first = world.pid("web");
    world.pmon3(&["restart", "web"]);
    let second = world.pid("web");
    assert_ne!(first, second);
    assert!(!kernel::is_alive(first));
    world.pmon3(&["restart", "web", "--force"]);
    assert_eq!(world.desc("web")["signal"], json!(9));
    assert_eq!(world.restarts("web"), 2);
    world.pmon3(&["reset", "web"]);
    assert_eq!(world.restarts("web"), 0);
    world.pmon3(&["restart", "web"]);
    world.pmon3(&["reset", "-p", "1"]);
    assert_eq!(world.restarts("web"), 0);
    world.pmon3(&["restart", "web"]);
    world.pmon3(&["reset"]);
    assert_eq!(world.restarts("web"), 0);
    world.pmon3(&["restart", "web"]);
    world.pmon3(&["stop", "web"]);
    assert_eq!(world.restarts("web"), 0);
}

#[test]
fn a_forced_stop_is_by_sigkill() {
    let world = World::new();
    world.exec("web", "hold");
    world.pmon3(&["stop", "--force", "web"]);
    assert_eq!(world.desc("web")["signal"], json!(9));
}

#[test]
fn stopping_what_is_stopped_is_no_error() {
    let world = World::new();
    world.exec("web", "hold");
    world.pmon3(&["stop", "web"]);
    world.pmon3(&["stop", "web"]);
    assert_eq!(world.status("web"), "stopped");
}

#[test]
fn del_ends_it_forgets_it_and_removes_its_logs() {
    let world = World::new();
    world.exec("web", "say=hello hold");
    crate::world::until("its line", || world.read("logs/web.log") == "hello\n");
    world.write("logs/web.log.1", "older\n");
    let pid = world.pid("web");
    world.pmon3(&["delete", "web"]);
    assert!(!kernel::is_alive(pid));
    assert_eq!(world.names(), [""; 0]);
    assert!(!world.path("logs/web.log").exists() && !world.path("logs/web.log.1").exists());
}

#[test]
fn ids_are_the_smallest_number_above_all_in_use_and_begin_again_after_drop() {
    let world = World::new();
    for name in ["a", "b", "c"] {
        world.exec(name, "hold");
    }
    world.pmon3(&["del", "b"]);
    world.exec("d", "hold");
    assert_eq!(world.desc("d")["id"], json!(4));
    world.pmon3(&["del", "c,d"]);
    world.exec("e", "hold");
    assert_eq!(world.desc("e")["id"], json!(2));
    world.pmon3(&["drop"]);
    assert_eq!(world.list().len(), 0);
    world.exec("f", "hold");
    assert_eq!(world.desc("f")["id"], json!(1));
}

#[test]
fn kill_stops_all_and_init_starts_all_again() {
    let world = World::new();
    for name in ["a", "b"] {
        world.exec(name, "hold");
    }
    world.pmon3(&["kill"]);
    assert_eq!([world.status("a"), world.status("b")], ["stopped", "stopped"]);
    world.pmon3(&["init"]);
    assert_eq!([world.status("a"), world.status("b")], ["running", "running"]);
    world.pmon3(&["kill", "--force"]);
    assert_eq!(world.desc("b")["signal"], json!(9));
    world.pmon3(&["drop", "--force"]);
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn with_no_processes_the_commands_for_all_succeed() {
    let world = World::new();
    for command in ["ls", "kill", "init", "reset", "drop"] {
        world.pmon3(&[command]);
    }
}

#[test]
fn the_aliases_of_the_predecessor_are_there() {
    let world = World::new();
    world.pmon3(&["run", fixture().to_str().unwrap(), "--name", "web", "--args", "hold"]);
    assert_eq!(world.json(&["list", "--json"])[0]["name"], json!("web"));
    assert_eq!(world.json(&["show", "web", "--json"])["name"], json!("web"));
    world.pmon3(&["order"]);
    world.pmon3(&["groups", "ls"]);
    world.pmon3(&["delete", "web"]);
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn no_wait_returns_before_it_is_true() {
    let world = World::new();
    // It ends only when its gate is opened, so a command that waited for it would not come back.
    let gate = world.gate("gate");
    let deaf = world.trapping("deaf", &format!("cat {gate}"));
    world.pmon3(&["exec", &deaf, "--name", "web"]);
    until("it is ready", || world.read("logs/web.log") == "ready\n");
    world.pmon3(&["stop", "web", "--no-wait"]);
    assert!(kernel::is_alive(world.pid("web")));
    world.open_gate("gate");
    world.until_status("web", "stopped");
}

#[test]
fn version_names_the_program_the_daemon_and_how_trees_are_held() {
    let world = World::new();
    let version = world.json(&["version", "--json"]);
    assert_eq!(version["version"], json!(env!("CARGO_PKG_VERSION")));
    assert_eq!(version["daemon_version"], json!(env!("CARGO_PKG_VERSION")));
    assert!(version["commit"].is_string());
    let tree = version["tree"].as_str().unwrap();
    assert!(["cgroup", "session"].contains(&tree), "{tree}");
    assert!(world.daemon_log().contains(tree), "{}", world.daemon_log());
    assert!(world.pmon3(&["version"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn version_and_help_need_no_daemon() {
    let world = World::without_daemon("");
    assert_eq!(world.json(&["version", "--json"])["daemon_version"], json!(null));
    world.pmon3(&["--help"]);
    assert!(!world.path("data").exists(), "asking for help makes nothing");
}
