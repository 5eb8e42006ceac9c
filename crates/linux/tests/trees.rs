//! Trees, with a program that tries hard to escape. A process of its own: orphans come to it, and it reaps them all.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use pmon3_linux::limits::Inherited;
use pmon3_linux::reap;
use pmon3_linux::spawn::{Program, Spawner};
use pmon3_linux::tree::{Choice, MARK, Trees};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Orphans come to this process as a whole, so only one test at a time may reap.
static REAPING: Mutex<()> = Mutex::new(());

/// Makes a session of its own, loses its parent, ignores SIGTERM, and has children that do the same.
const ESCAPE: &str = r"
trap '' TERM
(setsid sh -c 'trap \'\' TERM; (sleep 300 & sleep 300 & wait) & wait' &)
setsid sh -c '(setsid sleep 300 &)' &
while :; do sleep 300 & sleep 0.01; done
";

fn program(dir: &std::path::Path, mark: &str) -> Program {
    Program {
        file: "/bin/sh".into(),
        argv0: "sh".into(),
        args: vec!["-c".into(), ESCAPE.replace("\\'\\'", "\"\"").into()],
        env: vec![("PATH".into(), "/usr/bin:/bin".into()), (MARK.into(), mark.into())],
        cwd: "/".into(),
        log: dir.join("log").into(),
        credentials: None,
        umask: None,
        no_new_privs: false,
        inherited: Inherited::default(),
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within 20 s");
        std::thread::yield_now();
    }
}

fn nothing_of_an_escaping_tree_is_left(choice: Choice, instance: &str) {
    let _guard = REAPING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    reap::become_subreaper().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut trees = match Trees::open(instance, choice) {
        Ok(trees) => trees,
        Err(error) => return eprintln!("skipped: {error}"),
    };
    let place = trees.place(1).unwrap();
    let child = Spawner::new()
        .unwrap()
        .spawn(&program(dir.path(), &format!("{instance}.1.1")), &place)
        .unwrap();
    trees.started(1, child.pid);
    wait_until("it makes descendants", || trees.members(1).len() >= 8);
    let survivors = trees.survivors().remove(&1).unwrap();
    let main = survivors.iter().find(|survivor| survivor.pid == child.pid).unwrap();
    assert!(main.is_leader);
    assert_eq!((main.run, &main.identity), (Some(1), &child.identity));

    trees.terminate(1).unwrap();
    assert!(!trees.is_empty(1), "it ignores SIGTERM");
    trees.kill(1).unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let watch = trees.watch(1).unwrap();
        while let Some((pid, _)) = reap::next().unwrap() {
            assert_ne!(pid, std::process::id());
        }
        if trees.is_empty(1) {
            break;
        }
        assert!(Instant::now() < end, "left: {:?}", trees.members(1));
        let mut fds: Vec<PollFd<'_>> = watch
            .fds()
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
            .collect();
        poll(&mut fds, Some(&Timespec { tv_sec: 1, tv_nsec: 0 })).unwrap();
    }
    trees.forget(1);
    let base = trees.base().map(std::path::Path::to_owned);
    trees.close();
    assert!(base.is_none_or(|base| !base.exists()), "no cgroup is left behind");
}

#[test]
fn nothing_of_an_escaping_tree_is_left_by_cgroup() {
    nothing_of_an_escaping_tree_is_left(Choice::Cgroup, &format!("c{:015x}", std::process::id()));
}

#[test]
fn nothing_of_an_escaping_tree_is_left_by_session() {
    nothing_of_an_escaping_tree_is_left(Choice::Session, &format!("d{:015x}", std::process::id()));
}
