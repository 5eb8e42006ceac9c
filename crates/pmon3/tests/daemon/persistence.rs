//! What was acknowledged is there when the daemon comes back.

use crate::world::{World, kernel, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;

#[test]
fn what_was_running_comes_back_and_what_a_person_stopped_stays_stopped() {
    let mut world = World::new();
    world.exec("up", "hold");
    world.exec("down", "hold");
    world.pmon3(&["stop", "down"]);
    let before = world.pid("up");
    assert!(world.stop().success());
    assert!(!kernel::is_alive(before), "the processes end with the daemon");
    world.start();
    world.until_status("up", "running");
    assert_ne!(world.pid("up"), before);
    assert_eq!(world.status("down"), "stopped");
}

#[test]
fn a_process_that_is_not_restarted_by_itself_stays_closed() {
    let mut world = World::new();
    world.exec_with("once", "hold", &["--no-autorestart"]);
    world.stop();
    world.start();
    assert_eq!(world.status("once"), "closed");
    world.pmon3(&["start", "once"]);
    assert_eq!(world.status("once"), "running");
}

#[test]
fn everything_that_describes_a_process_is_kept() {
    let mut world = World::new();
    world.exec("base", "hold");
    world.exec_with(
        "web",
        "'say=two words' hold",
        &[
            "--env-vars",
            "A='b c'",
            "--dependencies",
            "base",
            "--groups",
            "g",
            "--log",
            &world.at("own.log"),
        ],
    );
    world.pmon3(&["restart", "web"]);
    let settled = |world: &World| -> Value {
        world.until_status("web", "running");
        let mut view = world.desc("web");
        for key in [
            "pid",
            "started_at",
            "updated_at",
            "cpu_percent",
            "memory_bytes",
            "status",
        ] {
            view.as_object_mut().unwrap().remove(key);
        }
        view
    };
    let before = settled(&world);
    world.stop();
    world.start();
    assert_eq!(settled(&world), before);
    assert_eq!(world.json(&["group", "ls", "--json"])[0]["processes"], json!(["web"]));
}

#[test]
fn an_acknowledged_command_survives_the_sudden_death_of_the_daemon() {
    let mut world = World::new();
    world.exec("kept", "hold");
    world.exec("stopped", "hold");
    world.exec("deleted", "hold");
    world.pmon3(&["stop", "stopped"]);
    world.pmon3(&["del", "deleted"]);
    let pid = world.pid("kept");
    world.kill();
    assert!(kernel::is_alive(pid));
    world.start();
    assert_eq!(world.names(), ["kept", "stopped"]);
    assert_eq!(world.pid("kept"), pid, "it is the same process, untouched");
    assert_eq!(world.status("stopped"), "stopped");
}

#[test]
fn an_adopted_process_is_supervised_like_any_other() {
    let mut world = World::new();
    world.exec("web", &format!("append={} hold", world.at("starts")));
    world.kill();
    world.start();
    let pid = world.pid("web");
    kernel::signal(pid, Signal::KILL);
    until("its successor", || world.pids("starts").len() == 2);
    until("a restart", || world.restarts("web") == 1);
    world.pmon3(&["stop", "web"]);
    assert_eq!(world.status("web"), "stopped");
}

#[test]
fn what_died_while_there_was_no_daemon_is_started_again() {
    let mut world = World::new();
    world.exec("web", "hold");
    let pid = world.pid("web");
    world.kill();
    kernel::signal(pid, Signal::KILL);
    until("it is gone", || !kernel::is_alive(pid));
    world.start();
    world.until_status("web", "running");
    assert_ne!(world.pid("web"), pid);
}

/// Stops the daemon, breaks its database, and starts it in vain: it names the file and does not touch it.
fn refuses(breaks: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let mut world = World::new();
    world.exec("web", "hold");
    world.stop();
    let path = world.path("data/data.db");
    let broken = breaks(fs::read(&path).unwrap());
    fs::write(&path, &broken).unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(world.path(format!("data/data.db{ending}")));
    }
    let said = world.start_in_vain().stderr;
    assert!(said.contains(&path.display().to_string()), "{said}");
    assert!(fs::read(&path).unwrap() == broken, "the file was changed");
}

#[test]
fn a_truncated_database_is_refused() {
    refuses(|bytes| bytes[..bytes.len() / 2].to_vec());
}

#[test]
fn a_database_cut_within_its_header_is_refused() {
    refuses(|bytes| bytes[..50].to_vec());
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    refuses(|_| b"these are somebody's notes, not a database\n".repeat(100));
}

#[test]
fn the_database_of_another_program_is_refused() {
    refuses(|bytes| {
        let mut bytes = bytes;
        // PRAGMA application_id stands at offset 68.
        bytes[68..72].copy_from_slice(b"ELSE");
        bytes
    });
}
