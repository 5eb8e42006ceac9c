//! `pmon3` starts `pmond` where a command needs it.

use crate::world::{World, fixture, kernel};
use rustix::process::Signal;

fn exec_args() -> [String; 4] {
    [
        "exec".to_owned(),
        fixture().display().to_string(),
        "--args".to_owned(),
        "hold".to_owned(),
    ]
}

#[test]
fn exec_starts_the_daemon_says_so_and_works() {
    let world = World::without_daemon("");
    let args = exec_args();
    let output = world.pmon3(&args.each_ref().map(String::as_str));
    assert_eq!(output.stderr.lines().count(), 1, "{}", output.stderr);
    assert!(output.stderr.contains("pmond"), "{}", output.stderr);
    assert!(output.stdout.contains("running"), "{}", output.stdout);
    let daemon = world.daemon_pid();
    assert_eq!(world.names(), ["fixture"]);
    // It is nobody's job: a session of its own, so that a terminal's end does not reach it.
    assert_eq!(kernel::session(daemon), Some(daemon));
    kernel::signal(daemon, Signal::TERM);
    kernel::await_end(daemon);
}

#[test]
fn init_and_start_start_the_daemon_too() {
    for command in [&["init"][..], &["start", "web"], &["restart", "web"]] {
        let mut world = World::new();
        world.exec("web", "hold");
        world.stop();
        world.pmon3(command);
        world.until_status("web", "running");
    }
}

#[test]
fn other_commands_say_that_pmond_must_be_running_and_what_to_do() {
    let world = World::without_daemon("");
    for command in [
        &["ls"][..],
        &["desc", "1"],
        &["stop", "1"],
        &["del", "1"],
        &["kill"],
        &["drop"],
        &["reset"],
        &["log", "1"],
        &["logf", "1"],
        &["dgraph"],
        &["export"],
        &["group", "ls"],
    ] {
        let said = world.refused(command);
        assert!(said.contains("pmond must be running"), "{command:?}: {said}");
    }
    assert!(!world.path("data").exists());
}

#[test]
fn with_auto_start_off_exec_is_like_the_others() {
    let world = World::without_daemon("auto_start: false\n");
    let args = exec_args();
    assert!(
        world
            .refused(&args.each_ref().map(String::as_str))
            .contains("pmond must be running")
    );
}

#[test]
fn a_daemon_that_cannot_start_is_quoted() {
    let world = World::without_daemon("log_level: loud\n");
    let args = exec_args();
    let said = world.refused(&args.each_ref().map(String::as_str));
    assert!(said.contains("log_level") && said.contains("loud"), "{said}");
}

#[test]
fn many_commands_at_once_start_one_daemon() {
    let world = World::without_daemon("");
    std::thread::scope(|scope| {
        for n in 0..8 {
            let world = &world;
            scope.spawn(move || {
                let fixture = fixture();
                let name = format!("p{n}");
                world.pmon3(&["exec", fixture.to_str().unwrap(), "--name", &name, "--args", "hold"]);
            });
        }
    });
    assert_eq!(world.list().len(), 8);
}
