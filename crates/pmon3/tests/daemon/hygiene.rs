//! What a program gets from the daemon, and what it does not.

use crate::world::{World, fixture, kernel, until_some};
use serde_json::{Value, json};
use std::os::fd::AsFd;

/// What the fixture says that it was given.
fn report(world: &World, name: &str) -> Value {
    let line = until_some("the report", || {
        world.read(format!("logs/{name}.log")).lines().next().map(str::to_owned)
    });
    serde_json::from_str(&line).unwrap()
}

#[test]
fn a_program_inherits_no_descriptor_but_the_three() {
    let mut world = World::without_daemon("");
    // Something that the daemon itself was given, too.
    let extra = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(extra.as_fd(), rustix::io::FdFlags::empty()).unwrap();
    world.start();
    rustix::io::fcntl_setfd(extra.as_fd(), rustix::io::FdFlags::CLOEXEC).unwrap();
    world.exec("web", "report hold");
    let log = world.at("logs/web.log");
    assert_eq!(
        report(&world, "web")["descriptors"],
        json!([["0", "/dev/null"], ["1", log], ["2", log]])
    );
}

#[test]
fn a_program_leads_a_session_of_its_own_with_default_signals() {
    let world = World::new();
    // Not the fixture: the Rust runtime ignores SIGPIPE before `main`.
    world.pmon3(&["exec", "sleep", "--args", "1000"]);
    let pid = world.pid("sleep");
    assert_eq!(kernel::session(pid), Some(pid));
    // Of signals 32 and 33 glibc alone disposes: its posix_spawn, by which the daemon is started here, has them ignored.
    const OF_GLIBC: u64 = 0b11 << 31;
    for field in ["SigBlk", "SigIgn", "SigCgt"] {
        let signals = u64::from_str_radix(&kernel::status_field(pid, field), 16).unwrap();
        assert_eq!(signals & !OF_GLIBC, 0, "{field}");
    }
}

#[test]
fn the_environment_is_the_daemons_with_what_was_asked_for_and_none_of_its_own_business() {
    let mut world = World::without_daemon("");
    let mut command = world.daemon_command();
    command
        .env("KEPT", "of the daemon")
        .env("CHANGED", "of the daemon")
        .env("LISTEN_FDS", "0")
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDNAMES", "x")
        .env("WATCHDOG_USEC", "1000000000")
        .env("PMON3_LOG_LEVEL", "debug");
    world.start_by(&mut command);
    world.exec_with("web", "report hold", &["--env-vars", "CHANGED=asked NEW='two words'"]);
    let report = report(&world, "web");
    let env = report["env"].as_object().unwrap();
    let value = |name: &str| env.get(name).and_then(Value::as_str);
    assert_eq!(value("KEPT"), Some("of the daemon"));
    assert_eq!(value("CHANGED"), Some("asked"));
    assert_eq!(value("NEW"), Some("two words"));
    assert!(value("PATH").is_some());
    for of_the_daemon in [
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "WATCHDOG_USEC",
    ] {
        assert_eq!(value(of_the_daemon), None, "{of_the_daemon}");
    }
    let ours: Vec<&String> = env.keys().filter(|name| name.starts_with("PMON3_")).collect();
    assert_eq!(ours, ["PMON3_MARK"]);
    let instance = kernel::instance(&world.path("data"));
    assert_eq!(
        value("PMON3_MARK"),
        Some(format!("{instance}.1.1.{}", world.pid("web")).as_str())
    );
}

#[test]
fn home_user_logname_and_shell_are_those_of_the_user() {
    let mut world = World::without_daemon("");
    let mut command = world.daemon_command();
    for name in ["HOME", "USER", "LOGNAME", "SHELL"] {
        command.env(name, "/of/somebody/else");
    }
    world.start_by(&mut command);
    world.exec("web", "report hold");
    let account = kernel::account(|fields| fields[2] == rustix::process::geteuid().as_raw().to_string()).unwrap();
    let env = report(&world, "web")["env"].clone();
    assert_eq!(env["HOME"], json!(account[5]));
    assert_eq!(env["USER"], json!(account[0]));
    assert_eq!(env["LOGNAME"], json!(account[0]));
    assert_eq!(env["SHELL"], json!(account[6]));
}

#[test]
fn a_program_starts_in_the_callers_directory() {
    let world = World::new();
    std::fs::create_dir(world.path("place")).unwrap();
    let mut command = world.client(crate::world::PMON3);
    command
        .current_dir(world.path("place"))
        .args(["exec", fixture().to_str().unwrap(), "--args", "report hold"]);
    crate::world::run::to_end(&mut command).succeeds();
    assert_eq!(report(&world, "fixture")["cwd"], json!(world.at("place")));
}
