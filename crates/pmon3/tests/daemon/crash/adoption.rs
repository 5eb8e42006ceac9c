//! Whom a daemon that comes back takes for its own, where the database does not tell, or tells wrong.

use super::{has_cgroups, settings};
use crate::world::{World, fixture, kernel, until, we_are_root};
use rusqlite::Connection;
use rustix::process::Signal;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A program whose descendants lead sessions of their own, as it does itself.
const FAMILY: &str = "'spawn=setsid;hold' 'spawn=daemonize;setsid;hold' hold";

fn both_ways(test: impl Fn(World)) {
    test(World::with(&settings("session")));
    let world = World::with(&settings("auto"));
    if has_cgroups(&world) {
        test(world);
    }
}

fn database(world: &World) -> Connection {
    Connection::open(world.path("data/data.db")).unwrap()
}

/// A command is answered when its program runs; that pid is written a little later.
fn until_its_pid_is_written(world: &World, pid: u32) {
    let database = database(world);
    until("its pid in the database", || {
        let written = database.query_row("SELECT pid FROM processes", [], |row| row.get(0));
        written == Ok(Some(pid))
    });
}

/// The processes with the mark of the only program there is.
fn family(world: &World) -> Vec<kernel::Marked> {
    kernel::marked(&kernel::instance(&world.path("data")))
}

#[track_caller]
fn until_it_is_one_family(world: &World) {
    until("one family, of the process that is shown", || {
        let pid = world.desc("web")["pid"].as_u64();
        let family = family(world);
        family.len() == 3 && family.iter().all(|one| Some(u64::from(one.main)) == pid)
    });
}

/// A daemon that could not write down which run is under way, the second and the third.
fn killed_with_a_run_that_was_not_written_down(world: &mut World) -> u32 {
    world.exec("web", FAMILY);
    until_it_is_one_family(world);
    let locked = database(world);
    locked.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut pid = world.pid("web");
    for _ in 0..2 {
        kernel::signal(pid, Signal::KILL);
        pid = world.successor("web", pid);
    }
    until_it_is_one_family(world);
    assert_eq!(world.restarts("web"), 2);
    world.kill();
    pid
}

#[test]
fn a_run_whose_pid_was_never_written_is_found_and_supervised_and_not_started_twice() {
    both_ways(|mut world| {
        let pid = killed_with_a_run_that_was_not_written_down(&mut world);
        world.start();
        assert_eq!(world.pid("web"), pid);
        assert_eq!(world.restarts("web"), 2);
        until_it_is_one_family(&world);

        kernel::signal(pid, Signal::KILL);
        world.successor("web", pid);
        until_it_is_one_family(&world);
        assert_eq!(world.restarts("web"), 3);
        world.pmon3(&["stop", "web"]);
        assert_eq!(family(&world), []);
    });
}

#[test]
fn descendants_of_such_a_run_are_not_taken_for_it_when_it_has_ended() {
    both_ways(|mut world| {
        let pid = killed_with_a_run_that_was_not_written_down(&mut world);
        let left: Vec<u32> = family(&world)
            .iter()
            .map(|one| one.pid)
            .filter(|one| *one != pid)
            .collect();
        kernel::signal(pid, Signal::KILL);
        kernel::await_end(pid);
        world.start();
        world.until_status("web", "running");
        until_it_is_one_family(&world);
        assert!(!left.iter().any(|pid| kernel::is_alive(*pid)));
    });
}

/// The same where the daemon wrote down that it was about to start something, and nothing after that.
#[test]
fn a_first_run_whose_pid_was_never_written_is_told_from_its_descendants() {
    for main_lives in [true, false] {
        both_ways(|mut world| {
            world.exec("web", FAMILY);
            until_it_is_one_family(&world);
            let pid = world.pid("web");
            world.kill();
            let cleared = database(&world).execute(
                "UPDATE processes SET pid = NULL, identity = NULL, started_at = NULL",
                [],
            );
            assert_eq!(cleared, Ok(1));
            if !main_lives {
                kernel::signal(pid, Signal::KILL);
                kernel::await_end(pid);
            }
            world.start();
            world.until_status("web", "running");
            until_it_is_one_family(&world);
            assert_eq!(world.pid("web") == pid, main_lives);
        });
    }
}

/// A process of somebody else, in the world only by its working directory.
fn innocent(world: &World, prepare: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new(fixture());
    command
        .arg("hold")
        .env_clear()
        .current_dir(world.path(""))
        .stdin(Stdio::null());
    prepare(&mut command);
    command.spawn().unwrap()
}

#[test]
fn a_pid_that_is_somebody_elses_by_now_is_never_signalled() {
    // With the identity of the program, without any, and with that of the program in another boot.
    for identity in ["identity", "''", "'00000000-' || substr(identity, 10)"] {
        both_ways(|mut world| {
            world.exec("web", "hold");
            let pid = world.pid("web");
            until_its_pid_is_written(&world, pid);
            world.kill();
            kernel::signal(pid, Signal::KILL);
            kernel::await_end(pid);
            let mut other = innocent(&world, |command| {
                command.process_group(0);
            });
            let edit = format!("UPDATE processes SET pid = {}, identity = {identity}", other.id());
            assert_eq!(database(&world).execute(&edit, []), Ok(1));

            world.start();
            world.until_status("web", "running");
            assert_ne!(world.pid("web"), other.id());
            world.pmon3(&["restart", "web", "--force"]);
            until_its_pid_is_written(&world, world.pid("web"));
            world.kill();
            assert_eq!(database(&world).execute(&edit, []), Ok(1));
            world.start();
            world.pmon3(&["stop", "web", "--force"]);
            world.pmon3(&["del", "web"]);
            assert_eq!(family(&world), []);

            assert_eq!(other.try_wait().unwrap(), None, "it was signalled");
            other.kill().unwrap();
            other.wait().unwrap();
        });
    }
}

#[test]
fn a_mark_that_another_user_has_forged_makes_nobody_a_main_process() {
    if !we_are_root() {
        eprintln!("only root can be another user: not tried");
        return;
    }
    both_ways(|mut world| {
        world.exec("web", "hold");
        let pid = world.pid("web");
        let instance = kernel::instance(&world.path("data"));
        world.kill();
        let mut shell = Command::new("/bin/sh");
        let forge = format!("exec env PMON3_MARK={instance}.1.99.$$ {} hold", fixture().display());
        shell
            .args(["-c", &forge])
            .current_dir(world.path(""))
            .stdin(Stdio::null())
            .uid(65534);
        let mut forger = shell.spawn().unwrap();
        until("the mark", || kernel::mark_of(forger.id(), &instance).is_some());

        world.start();
        assert_eq!(world.pid("web"), pid, "the true one is there");
        world.kill();
        kernel::signal(pid, Signal::KILL);
        kernel::await_end(pid);
        world.start();
        world.until_status("web", "running");
        assert_ne!(world.pid("web"), forger.id());
        let _ = forger.kill();
        forger.wait().unwrap();
    });
}
