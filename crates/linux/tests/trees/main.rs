//! Trees, with programs that try hard to escape. A process of its own: orphans come to it, and it reaps them all.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, reason = "a test")]

mod world;

use pmon3_linux::reap::Exit;
use pmon3_linux::tree::{Choice, Trees};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;
use world::{World, both_ways, is_alive};

/// Makes a session of its own, loses its parent, ignores SIGTERM, and has children that do the same.
const ESCAPE: &str = r#"
trap '' TERM
(setsid sh -c 'trap "" TERM; (sleep 300 & sleep 300 & wait) & wait' &)
setsid sh -c '(setsid sleep 300 &)' &
while :; do sleep 300 & sleep 0.01; done
"#;

#[test]
fn nothing_of_an_escaping_tree_is_left() {
    both_ways(|mut world| {
        let child = world.start_script(1, ESCAPE);
        world.wait_until("it makes descendants", |world| world.trees.members(1).len() >= 8);
        let survivors = world.trees.survivors(|_, _| true).remove(&1).unwrap();
        let main = survivors.iter().find(|survivor| survivor.pid == child.pid).unwrap();
        assert!(main.is_main);
        assert_eq!(survivors.iter().filter(|survivor| survivor.is_main).count(), 1);
        assert_eq!((main.run, &main.identity), (Some(1), &child.identity));
        assert_eq!(main.uid, rustix::process::getuid().as_raw());
        assert_eq!(main.in_leaf, world.trees.kind() == "cgroup");

        world.trees.terminate(1).unwrap();
        assert!(!world.trees.is_empty(1), "it ignores SIGTERM");
        world.kill_until_empty(1);
        world.close(&[1]);
    });
}

/// Ends as soon as it has forked, for ever: whoever sees it sees it too late.
#[test]
#[ignore = "a program for the other tests"]
fn program_that_forks_away() {
    if std::env::var_os("HELPER").is_none() {
        return;
    }
    // Not for ever, and not when there is no room for more: then the last one stays.
    for _ in 0..10_000 {
        // SAFETY: the child calls nothing but fork, setsid, _exit and sleep.
        let forked = unsafe { libc::fork() };
        match forked {
            -1 => break,
            // SAFETY: no memory is involved.
            0 => drop(unsafe { libc::setsid() }),
            // SAFETY: ends this process at once.
            _ => unsafe { libc::_exit(0) },
        }
    }
    std::thread::sleep(Duration::from_secs(300));
}

#[test]
fn a_program_that_forks_away_is_caught() {
    both_ways(|mut world| {
        let main = world.start_helper(1, "program_that_forks_away");
        assert_eq!(world.exit_of(main.pid), Exit::Code(0));
        // The main process has ended; of its descendants one is always there, but never the same.
        for _ in 0..1000 {
            world.reap();
            assert!(!world.trees.is_empty(1), "{}: {:?}", world.trees.kind(), world.marked());
        }
        world.kill_until_empty(1);
        world.close(&[1]);
    });
}

#[test]
fn descendants_without_an_environment_are_found_as_long_as_something_tells_of_them() {
    // With the main process: descent. After it: the session; what was seen at SIGTERM.
    const CLEAN: &str = r#"
    trap 'exit 0' TERM
    env -i sh -c 'trap "" TERM; echo $$; while :; do sleep 300; done' &
    env -i setsid sh -c 'trap "" TERM; echo $$; while :; do sleep 300; done' &
    while :; do sleep 300 & wait; done
    "#;
    both_ways(|mut world| {
        let main = world.start_script(1, CLEAN);
        world.wait_until("both are there", |world| world.log().lines().count() == 2);
        let pids: Vec<u32> = world.log().lines().map(|line| line.parse().unwrap()).collect();
        world.trees.terminate(1).unwrap();
        assert_eq!(world.exit_of(main.pid), Exit::Code(0));
        assert!(pids.iter().all(|pid| is_alive(*pid)), "they ignore SIGTERM");
        assert!(!world.trees.is_empty(1));
        world.kill_until_empty(1);
        assert!(!pids.iter().any(|pid| is_alive(*pid)));
        world.close(&[1]);
    });
}

#[test]
fn a_kill_out_of_the_blue_finds_those_that_only_their_parent_tells_of() {
    both_ways(|mut world| {
        world.start_script(1, "env -i setsid sh -c 'echo $$; sleep 300' & wait");
        world.wait_until("it is there", |world| world.log().ends_with('\n'));
        let pid = world.log().trim().parse().unwrap();
        world.kill_until_empty(1);
        assert!(!is_alive(pid));
        world.close(&[1]);
    });
}

#[test]
fn a_program_can_be_started_where_another_was_killed() {
    both_ways(|mut world| {
        for _ in 0..3 {
            let main = world.start_script(1, "echo up; read end; exit 7");
            assert_eq!(world.exit_of(main.pid), Exit::Code(7), "{}", world.trees.kind());
            world.start_script(1, "exec sleep 300");
            world.kill_until_empty(1);
        }
        world.close(&[1]);
    });
}

#[test]
fn what_a_main_process_leaves_behind_is_no_empty_tree() {
    for left in [
        "sleep 300 &",
        "setsid sleep 300 &",
        "env -i sleep 300 &",
        "env -i sh -c 'sleep 300 & sleep 300' &",
    ] {
        both_ways(|mut world| {
            let main = world.start_script(1, left);
            assert_eq!(world.exit_of(main.pid), Exit::Code(0));
            assert!(!world.trees.is_empty(1), "{left}");
            world.kill_until_empty(1);
            world.close(&[1]);
        });
    }
}

#[test]
fn a_tree_is_empty_when_its_program_has_ended_and_others_are_not_asked() {
    both_ways(|mut world| {
        let other = world.start_script(2, "sleep 300 & wait");
        let main = world.start_script(1, "read end");
        assert_eq!(world.exit_of(main.pid), Exit::Code(1), "stdin is /dev/null");
        assert!(world.trees.is_empty(1));
        assert!(world.trees.members(1).is_empty());
        world.trees.kill(1).unwrap();
        assert!(is_alive(other.pid) && !world.trees.is_empty(2));
        world.kill_until_empty(2);
        world.close(&[1, 2]);
    });
}

#[test]
fn a_stopped_program_obeys_sigterm() {
    both_ways(|mut world| {
        let main = world.start_script(1, "kill -STOP $$; sleep 300");
        let state = |pid| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        world.wait_until("it stops", |_| state(main.pid).contains(") T "));
        world.trees.terminate(1).unwrap();
        assert_eq!(world.exit_of(main.pid), Exit::Signal(15));
        world.kill_until_empty(1);
        world.close(&[1]);
    });
}

/// A daemon that comes back and holds trees together in another way than the one before it.
#[test]
fn survivors_of_a_daemon_by_session_are_ended_by_one_with_cgroups_and_the_other_way_round() {
    for (before, after) in [(Choice::Session, Choice::Cgroup), (Choice::Cgroup, Choice::Session)] {
        let Some(mut world) = World::new(before) else { return };
        let main = world.start_script(1, "(setsid sleep 300 &); env -i setsid sleep 300 & echo up; wait");
        world.wait_until("it is up", |world| {
            world.log() == "up\n" && world.trees.members(1).len() == 3
        });
        let Ok(trees) = Trees::open(&world.instance, after) else {
            world.kill_until_empty(1);
            return world.close(&[1]);
        };
        let old = std::mem::replace(&mut world.trees, trees);
        let survivors = world.trees.survivors(|_, _| true).remove(&1).unwrap();
        assert!(
            survivors
                .iter()
                .any(|survivor| survivor.pid == main.pid && survivor.run == Some(1))
        );
        assert!(survivors.iter().all(|survivor| !survivor.in_leaf));
        assert_eq!(world.trees.members(1).len(), 3, "also the one without an environment");
        assert!(!world.trees.is_empty(1));
        world.kill_until_empty(1);
        old.close();
        world.close(&[1]);
    }
}

#[test]
fn an_adopted_program_without_a_mark_is_a_tree_like_any_other() {
    both_ways(|mut world| {
        // Started by nobody in particular: redis and nginx write their titles over the environment, and the mark with it.
        let mut stranger = Command::new("setsid")
            .args(["sh", "-c", "sleep 300 & wait"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = stranger.id();
        let comm = |pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        world.wait_until("it is up", |_| comm(pid) == "sh\n");
        assert!(world.trees.survivors(|_, _| true).is_empty());
        world.trees.adopted(1, pid);
        assert!(!world.trees.is_empty(1));
        world.wait_until("both are members", |world| world.trees.members(1).len() == 2);
        world.trees.kill(1).unwrap();
        let _ = stranger.wait();
        world.kill_until_empty(1);
        world.close(&[1]);
    });
}

/// Started by a program of the daemon that it is the successor of.
#[test]
#[ignore = "a program for the other tests"]
fn program_that_is_a_daemon_of_the_same_instance() {
    if std::env::var_os("HELPER").is_none() {
        return;
    }
    let mark = std::env::var(pmon3_linux::tree::MARK).unwrap();
    let instance = mark.split('.').next().unwrap();
    let mut trees = Trees::open(instance, Choice::Auto).unwrap();
    let survivors = trees.survivors(|_, _| true).remove(&1).unwrap_or_default();
    let own = std::process::id();
    assert!(!survivors.iter().any(|survivor| survivor.pid == own), "itself");
    assert!(survivors.iter().any(|survivor| survivor.run == Some(1)), "its parent");
    trees.kill(1).unwrap();
    println!("alive after the death of its ancestors, by {}", trees.kind());
}

#[test]
fn a_daemon_that_one_of_its_programs_started_is_not_its_own_survivor() {
    both_ways(|mut world| {
        let helper = std::env::current_exe().unwrap();
        let name = "program_that_is_a_daemon_of_the_same_instance";
        world.start_script(
            1,
            &format!(
                "'{}' {name} --exact --ignored --nocapture; echo its parent lived on",
                helper.display()
            ),
        );
        world.wait_until("it says how it went", |world| {
            world.reap();
            world.log().contains("test result: ok")
        });
        assert!(
            world.log().contains("alive after the death of its ancestors"),
            "{}",
            world.log()
        );
        assert!(!world.log().contains("its parent lived on"), "{}", world.log());
        world.wait_until("it has ended", |world| {
            world.reap();
            world.marked().is_empty() && world.trees.is_empty(1)
        });
        // What it made for itself.
        Trees::open(&world.instance, Choice::Auto).unwrap().close();
        world.close(&[1]);
    });
}

#[test]
fn more_trees_can_be_watched_than_a_user_may_have_inotifies() {
    let Some(mut world) = World::new(Choice::Cgroup) else {
        return;
    };
    let ids: Vec<u32> = (1..=200).collect();
    let watches: Vec<_> = ids
        .iter()
        .map(|id| {
            world.trees.place(*id).unwrap();
            world.trees.watch(*id).unwrap()
        })
        .collect();
    assert!(watches.iter().all(|watch| watch.fds().count() == 1));
    drop(watches);
    world.close(&ids);
}

/// As an ordinary user, about a process of root that the test below made for it.
#[test]
#[ignore = "a program for the other tests"]
fn program_that_may_not_signal() {
    let Some(foreign) = std::env::var_os("FOREIGN") else {
        return;
    };
    let foreign: u32 = foreign.to_str().unwrap().parse().unwrap();
    let mut world = World::new(Choice::Session).unwrap();
    world.trees.adopted(1, foreign);
    assert_eq!(world.trees.members(1), [foreign]);
    for error in [world.trees.terminate(1).unwrap_err(), world.trees.kill(1).unwrap_err()] {
        assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains(&format!("pid {foreign}:")), "{error}");
    }
    assert!(!world.trees.is_empty(1), "it is still there");
    world.close(&[1]);
}

#[test]
fn a_member_that_may_not_be_signalled_is_reported_and_stays_a_member() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can make a process that an ordinary user may not signal");
    }
    let world = World::new(Choice::Session).unwrap();
    // The directory of this program may be closed to others.
    let program = world.path("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    world.open_to_all();
    let mut foreign = Command::new("sleep").arg("300").spawn().unwrap();
    let output = Command::new(program)
        .args(["program_that_may_not_signal", "--exact", "--ignored", "--nocapture"])
        .env("FOREIGN", foreign.id().to_string())
        .env("TMPDIR", world.path(""))
        .current_dir("/")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    foreign.kill().unwrap();
    foreign.wait().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    world.close(&[]);
}
