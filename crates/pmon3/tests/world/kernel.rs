//! What the tests ask the kernel.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};
use std::{fs, io};

fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

fn wait(fds: &mut [PollFd<'_>], bound: Duration) -> bool {
    let deadline = Instant::now() + bound;
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).unwrap();
        match poll(fds, Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return ready.unwrap() > 0,
        }
    }
}

/// True when there is something to read, false when the child has ended instead.
pub(crate) fn readable_before_end(fd: impl AsFd, child: &Child, bound: Duration) -> bool {
    let end = pidfd(child.id()).unwrap();
    let mut fds = [PollFd::new(&fd, PollFlags::IN), PollFd::new(&end, PollFlags::IN)];
    assert!(wait(&mut fds, bound), "nothing happened within {bound:?}");
    fds[0].revents().contains(PollFlags::IN)
}

pub(crate) fn ends_within(child: &Child, bound: Duration) -> bool {
    let end = pidfd(child.id()).unwrap();
    wait(&mut [PollFd::new(&end, PollFlags::IN)], bound)
}

/// The same for a process that is not our child.
pub(crate) fn vanishes_within(pid: u32, bound: Duration) -> bool {
    match pidfd(pid) {
        Ok(end) => wait(&mut [PollFd::new(&end, PollFlags::IN)], bound),
        Err(_) => true,
    }
}

#[track_caller]
pub(crate) fn await_end(pid: u32) {
    assert!(vanishes_within(pid, super::BOUND), "{pid} did not end");
}

/// A process that is gone already is no error.
pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Ok(fd) = pidfd(pid) {
        let _ = rustix::process::pidfd_send_signal(fd, signal);
    }
}

/// Something runs under this number (a zombie does not run).
pub(crate) fn is_alive(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The name stands in parentheses and may hold anything.
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    !matches!(state, None | Some("Z" | "X"))
}

/// A field of /proc/PID/status.
pub(crate) fn status_field(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_owned()
}

/// It runs, and this directory is in its environment, its arguments or is where it stands.
pub(crate) fn belongs_to(pid: u32, dir: &Path) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let needle = dir.as_os_str().as_encoded_bytes();
    let mentions =
        |file: &str| fs::read(proc.join(file)).is_ok_and(|text| text.windows(needle.len()).any(|part| part == needle));
    is_alive(pid)
        && (mentions("environ")
            || mentions("cmdline")
            || fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir)))
}

pub(crate) fn all_pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Ends everything that belongs to the directory; gives the command lines of what there was.
pub(crate) fn end_all_of(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let left: Vec<u32> = all_pids().into_iter().filter(|pid| belongs_to(*pid, dir)).collect();
        if left.is_empty() {
            return found;
        }
        for pid in left {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            found.push(format!("{pid} {}", String::from_utf8_lossy(&line).replace('\0', " ")));
            signal(pid, Signal::KILL);
            vanishes_within(pid, super::BOUND);
        }
    }
}

/// The instance of a daemon: FNV-1a of its data directory, as it stands in cgroup names and marks.
pub(crate) fn instance(data_dir: &Path) -> String {
    let path = data_dir.canonicalize().unwrap_or_else(|_| data_dir.to_owned());
    let hash = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

/// What stands in the mark of a process that a daemon started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) pid: u32,
    pub(crate) id: u64,
    pub(crate) run: u64,
    /// The main process of that run.
    pub(crate) main: u32,
}

/// All living processes that carry a mark of this daemon.
pub(crate) fn marked(instance: &str) -> Vec<Marked> {
    all_pids()
        .into_iter()
        .filter_map(|pid| mark_of(pid, instance))
        .collect()
}

pub(crate) fn mark_of(pid: u32, instance: &str) -> Option<Marked> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mark = environ
        .split(|byte| *byte == 0)
        .find_map(|pair| pair.strip_prefix(b"PMON3_MARK="))?;
    let mark = String::from_utf8_lossy(mark).into_owned();
    let parts: Vec<&str> = mark.split('.').collect();
    let [of, id, run, main] = parts.as_slice() else {
        return None;
    };
    let marked = Marked {
        pid,
        id: id.parse().ok()?,
        run: run.parse().ok()?,
        main: main.parse().ok()?,
    };
    (*of == instance && is_alive(pid)).then_some(marked)
}

/// Where the daemon of this data directory has its cgroups, if it has some.
pub(crate) fn cgroup_of(data_dir: &Path) -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mount = mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| point.to_owned())
    })?;
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
    let base = Path::new(&mount)
        .join(own)
        .join(format!("pmon3-{}", instance(data_dir)));
    base.is_dir().then_some(base)
}

/// Empty cgroups that a killed daemon could not remove.
pub(crate) fn remove_cgroups_of(data_dir: &Path) {
    let Some(base) = cgroup_of(data_dir) else { return };
    for leaf in fs::read_dir(&base).into_iter().flatten().flatten() {
        if leaf.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::remove_dir(leaf.path());
        }
    }
    let _ = fs::remove_dir(base);
}

/// Processes with this text in their arguments.
pub(crate) fn members_of(text: &str) -> Vec<u32> {
    let has = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        is_alive(*pid) && line.windows(text.len()).any(|part| part == text.as_bytes())
    };
    all_pids().into_iter().filter(has).collect()
}

/// The session that a process is in: the process id of its leader.
pub(crate) fn session(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(3)?.parse().ok()
}

/// The first line of /etc/passwd for which this holds, in fields.
pub(crate) fn account(wanted: impl Fn(&[String]) -> bool) -> Option<Vec<String>> {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let mut lines = passwd
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    lines.find(|fields| fields.len() == 7 && wanted(fields))
}
