//! A tree that is started, and what the kernel says of it when nobody is asked who might be wrong.

use pmon3_linux::limits::Inherited;
use pmon3_linux::reap::{self, Exit};
use pmon3_linux::spawn::{Child, Program, Spawner};
use pmon3_linux::tree::{Choice, MARK, Trees};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::ffi::OsString;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Orphans come to this process as a whole, so only one test at a time may start and reap.
static REAPING: Mutex<()> = Mutex::new(());

const PATIENCE: Duration = Duration::from_secs(20);

/// One daemon's trees, and the only one in this process that starts and reaps anything.
pub struct World {
    pub trees: Trees,
    pub instance: String,
    ended: Vec<(u32, Exit)>,
    dir: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    /// `None`: there is no such way here.
    pub fn new(choice: Choice) -> Option<World> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let alone = REAPING.lock().unwrap_or_else(PoisonError::into_inner);
        reap::become_subreaper().unwrap();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let instance = format!("{:08x}{number:08x}", std::process::id());
        let trees = match Trees::open(&instance, choice) {
            Ok(trees) => trees,
            Err(error) => {
                assert!(std::env::var_os("PMON3_TEST_CGROUP").is_none(), "{error}");
                eprintln!("skipped: {error}");
                return None;
            }
        };
        Some(World {
            trees,
            instance,
            ended: Vec::new(),
            dir: tempfile::tempdir().unwrap(),
            _alone: alone,
        })
    }

    /// Starts a program as run 1 of an id.
    pub fn start(&mut self, id: u32, file: impl Into<OsString>, args: &[&str]) -> Child {
        let file = file.into();
        let program = Program {
            argv0: file.clone(),
            file,
            args: args.iter().map(Into::into).collect(),
            env: vec![
                ("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into()),
                ("HELPER".into(), "yes".into()),
            ],
            mark: Some(format!("{}.{id}.1", self.instance)),
            cwd: self.dir.path().into(),
            log: self.dir.path().join("log").into(),
            credentials: None,
            log_mode: 0o640,
            umask: None,
            no_new_privs: false,
            inherited: Inherited::default(),
        };
        let place = self.trees.place(id).unwrap();
        let child = Spawner::new().unwrap().spawn(&program, &place).unwrap();
        self.trees.started(id, child.pid);
        child
    }

    pub fn start_script(&mut self, id: u32, script: &str) -> Child {
        self.start(id, "/bin/sh", &["-c", script])
    }

    /// Starts a test of this file that is a program for the others.
    pub fn start_helper(&mut self, id: u32, name: &str) -> Child {
        let file = std::env::current_exe().unwrap();
        self.start(id, file, &[name, "--exact", "--ignored", "--nocapture"])
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Other users may use the directory of this world.
    pub fn open_to_all(&self) {
        std::fs::set_permissions(self.dir.path(), Permissions::from_mode(0o777)).unwrap();
    }

    /// What the programs wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&mut World) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(
                Instant::now() < end,
                "{what}: not within {PATIENCE:?}; log: {}",
                self.log()
            );
            std::thread::yield_now();
        }
    }

    pub fn reap(&mut self) {
        while let Some(ended) = reap::next().unwrap() {
            self.ended.push(ended);
        }
    }

    /// How a child of ours ended.
    pub fn exit_of(&mut self, pid: u32) -> Exit {
        self.wait_until("its end", |world| {
            world.reap();
            world.ended.iter().any(|(ended, _)| *ended == pid)
        });
        self.ended.iter().find(|(ended, _)| *ended == pid).unwrap().1
    }

    /// Kills a tree as a daemon does: once, and again whenever somebody has ended and somebody is left.
    pub fn kill_until_empty(&mut self, id: u32) {
        let end = Instant::now() + PATIENCE;
        loop {
            let watch = self.trees.watch(id).unwrap();
            let _ = self.trees.kill(id);
            self.reap();
            if self.trees.is_empty(id) {
                return;
            }
            assert!(Instant::now() < end, "left: {:?}", self.trees.members(id));
            let mut fds: Vec<PollFd<'_>> = watch
                .fds()
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            // A tree by session may also go on by orphans of which SIGCHLD would tell; here the time-out stands for it.
            let patience = if self.trees.kind() == "cgroup" { 10_000 } else { 10 };
            let timeout = Timespec {
                tv_sec: patience / 1000,
                tv_nsec: (patience % 1000) * 1_000_000,
            };
            let ready = poll(&mut fds, Some(&timeout)).unwrap();
            assert!(ready > 0 || self.trees.kind() == "session", "its end was not reported");
        }
    }

    /// All living processes that carry the mark of this world, asked of the kernel directly.
    pub fn marked(&self) -> Vec<u32> {
        let mark = format!("{MARK}={}.", self.instance);
        let entries = std::fs::read_dir("/proc").unwrap();
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|pid: &u32| {
                let environ = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environ
                    .split(|byte| *byte == 0)
                    .any(|pair| pair.starts_with(mark.as_bytes()))
            })
            .collect()
    }

    /// Nothing is left, and nothing is left behind.
    pub fn close(mut self, ids: &[u32]) {
        assert_eq!(self.marked(), [0; 0]);
        self.reap();
        for id in ids {
            self.trees.forget(*id);
        }
        let base = self.trees.base().map(std::path::Path::to_owned);
        self.trees.close();
        assert!(base.is_none_or(|base| !base.exists()), "a cgroup is left behind");
    }
}

/// Whether a process is there and has not ended.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

/// Runs a test in both ways to hold a tree together.
pub fn both_ways(test: impl Fn(World)) {
    for choice in [Choice::Cgroup, Choice::Session] {
        if let Some(world) = World::new(choice) {
            test(world);
        }
    }
}
