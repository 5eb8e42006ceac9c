//! The daemon's end, and two daemons.

use crate::world::{PMON3, World, kernel, run, until};
use rustix::process::Signal;
use std::fs;
use std::os::unix::net::UnixListener;

/// A program that writes its name when it is asked to end.
fn tells(world: &World, name: &str) -> String {
    let ends = world.at("ends");
    world.trapping(name, &format!("echo {name} >> {ends}"))
}

#[test]
fn processes_end_in_the_reverse_order_of_their_dependencies() {
    let mut world = World::new();
    for (name, on) in [("a", None), ("b", Some("a")), ("c", Some("b"))] {
        let program = tells(&world, name);
        let mut args = vec!["exec", &program];
        args.extend(on.iter().flat_map(|on| ["--dependencies", on]));
        world.pmon3(&args);
        until("it listens for the signal", || {
            world.read(format!("logs/{name}.log")) == "ready\n"
        });
    }
    assert!(world.stop().success());
    assert_eq!(world.read("ends"), "c\nb\na\n");
}

#[test]
fn processes_that_do_not_depend_on_one_another_end_side_by_side() {
    let mut world = World::with("stop_timeout: 600\n");
    // Each one ends only when the other one is ending too.
    let (first, second) = (world.gate("first"), world.gate("second"));
    for (name, mine, other) in [("a", &first, &second), ("b", &second, &first)] {
        let program = world.trapping(name, &format!("echo > {mine} & cat {other}"));
        world.pmon3(&["exec", &program]);
        until("it listens for the signal", || {
            world.read(format!("logs/{name}.log")) == "ready\n"
        });
    }
    assert!(world.stop().success());
}

#[test]
fn a_deaf_process_does_not_hold_up_the_end_longer_than_its_stop_timeout() {
    let mut world = World::with("stop_timeout: 0.2\n");
    world.exec("web", &format!("'spawn-deaf=append={};hold' hold", world.at("pids")));
    until("the deaf one", || world.pids("pids").len() == 1);
    assert!(world.stop().success());
    assert!(!kernel::is_alive(world.pids("pids")[0]));
}

#[test]
fn every_signal_that_asks_it_to_end_is_obeyed() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut world = World::new();
        world.exec("web", "hold");
        kernel::signal(world.daemon_pid(), signal);
        assert!(world.await_end().success(), "{signal:?}");
        assert!(!world.socket().exists(), "the socket goes with the daemon");
    }
}

#[test]
fn with_interrupts_not_handled_the_processes_live_on_and_are_adopted() {
    let mut world = World::with("handle_interrupts: false\n");
    world.exec("web", "hold");
    let pid = world.pid("web");
    assert!(world.stop().success());
    assert!(kernel::is_alive(pid));
    world.start();
    assert_eq!(world.pid("web"), pid);
    world.pmon3(&["kill"]);
}

#[test]
fn a_second_daemon_is_refused_and_names_the_first() {
    let world = World::new();
    let first = world.daemon_pid();
    let said = world.start_in_vain().stderr;
    assert!(said.contains(&first.to_string()), "{said}");
    world.pmon3(&["ls"]);
}

#[test]
fn the_socket_of_a_daemon_that_was_killed_is_taken_over() {
    let mut world = World::new();
    world.kill();
    assert!(world.socket().exists());
    world.start();
    world.pmon3(&["ls"]);
}

#[test]
fn a_socket_on_which_somebody_else_listens_is_refused() {
    let world = World::without_daemon("");
    let _somebody = UnixListener::bind(world.socket()).unwrap();
    let said = world.start_in_vain().stderr;
    assert!(said.contains(&world.socket().display().to_string()), "{said}");
}

#[test]
fn something_that_is_no_socket_is_not_replaced_by_one() {
    let world = World::without_daemon("");
    fs::write(world.socket(), "a file").unwrap();
    let said = world.start_in_vain().stderr;
    assert!(said.contains(&world.socket().display().to_string()), "{said}");
    assert_eq!(world.read("pmond.sock"), "a file");
}

#[test]
fn a_socket_path_that_is_too_long_is_refused_with_its_limit() {
    let world = World::without_daemon("");
    world.configure(&format!("socket: {}\n", world.at(&"x".repeat(120))));
    let said = world.start_in_vain().stderr;
    assert!(said.contains("107") || said.contains("108"), "{said}");
}

#[test]
fn pmon3_daemon_is_pmond() {
    let mut world = World::without_daemon("");
    let mut command = world.prepare(PMON3);
    command.arg("daemon");
    world.start_by(&mut command);
    // Without PMON3_SOCKET: both find the socket through the configuration.
    run::to_end(world.prepare(PMON3).arg("ls")).succeeds();
}

#[test]
fn the_daemon_takes_no_arguments_that_it_does_not_know() {
    let world = World::without_daemon("");
    run::to_end(world.daemon_command().arg("--no-such-flag")).ends_with(2);
}
