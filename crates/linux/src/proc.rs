//! What /proc says of a process (proc(5)).

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags, open};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PF_EXITING: u64 = 0x4;
const PF_FORKNOEXEC: u64 = 0x40;

/// A few fields of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: u8,
    pub(crate) ppid: u32,
    pub(crate) group: u32,
    pub(crate) session: u32,
    /// `PF_*` of the kernel's sched.h.
    pub(crate) flags: u64,
    /// User and system time, that of waited-for children included, in clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Since boot, in clock ticks.
    pub(crate) start_ticks: u64,
    pub(crate) threads: u64,
    /// Resident memory.
    pub(crate) pages: u64,
    /// How it ended, as wait(2) gives it; 0 also where it is not for us to read.
    pub(crate) exit_status: i32,
}

impl Stat {
    /// Ended, and perhaps not waited for yet. A process goes on while any of its threads does, also if the first has ended
    /// and looks like a zombie.
    pub(crate) fn is_dead(self) -> bool {
        matches!(self.state, b'Z' | b'X') && self.threads <= 1
    }

    /// On its way out, with nothing left of its memory.
    pub(crate) fn is_ending(self) -> bool {
        self.flags & PF_EXITING != 0 && self.threads <= 1
    }

    /// Still runs the program of the process that made it, in its own memory or that one's.
    pub(crate) fn has_not_executed(self) -> bool {
        self.flags & PF_FORKNOEXEC != 0
    }

    /// When it was started.
    pub(crate) fn started_at(self) -> SystemTime {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        boot_time() + Duration::from_millis(self.start_ticks.saturating_mul(1000) / ticks)
    }
}

/// A file without a size, read with as few system calls as there can be.
fn read(path: &str) -> io::Result<Vec<u8>> {
    let file = open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut content = Vec::with_capacity(4096);
    while rustix::io::read(&file, spare_capacity(&mut content))? > 0 {
        if content.len() == content.capacity() {
            content.reserve(content.len());
        }
    }
    Ok(content)
}

/// Reads `/proc/PID/stat`.
pub(crate) fn stat(pid: u32) -> io::Result<Stat> {
    let text = read(&format!("/proc/{pid}/stat"))?;
    parse_stat(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// The name of the program, in brackets, may hold anything, brackets too: what counts begins after the last one.
pub(crate) fn parse_stat(text: &[u8]) -> Option<Stat> {
    let end = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text.get(end + 1..)?.split(u8::is_ascii_whitespace).skip(1);
    let state = *fields.next()?.first()?;
    let mut fields = fields.map(number::<u64>);
    let mut id = || u32::try_from(fields.next()??).ok();
    let (ppid, group, session) = (id()?, id()?, id()?);
    let flags = fields.nth(2)??;
    let mut cpu_ticks = fields.nth(4)??;
    for _ in 0..3 {
        cpu_ticks += fields.next()??;
    }
    let threads = fields.nth(2)??;
    let start_ticks = fields.nth(1)??;
    let pages = fields.nth(1)??;
    let exit_status = fields
        .nth(27)
        .flatten()
        .and_then(|status| i32::try_from(status).ok())
        .unwrap_or(0);
    Some(Stat {
        state,
        ppid,
        group,
        session,
        flags,
        cpu_ticks,
        start_ticks,
        threads,
        pages,
        exit_status,
    })
}

/// A number in decimal digits.
pub(crate) fn number<N: FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// All processes there are.
pub(crate) fn pids() -> io::Result<Vec<u32>> {
    let pid = |entry: io::Result<fs::DirEntry>| number(entry.ok()?.file_name().as_bytes());
    Ok(fs::read_dir("/proc")?.filter_map(pid).collect())
}

/// Our own children, those included that have ended and were not waited for. For each of our threads the kernel keeps a
/// list (proc(5), `/proc/PID/task/TID/children`; CONFIG_PROC_CHILDREN). As only we can take anybody off it, nobody is
/// missing from it.
pub(crate) fn children() -> io::Result<Vec<u32>> {
    let mut children = orphans()?;
    let first = std::process::id().to_string();
    for thread in fs::read_dir("/proc/self/task")? {
        let thread = thread?.file_name();
        if thread == *first {
            continue;
        }
        // A thread that has just ended has left its children to another.
        let list = read(&format!("/proc/self/task/{}/children", thread.display())).unwrap_or_default();
        children.extend(numbers(&list));
    }
    Ok(children)
}

/// Those of our children that are our first thread's, in the order in which they came: all orphans are among them.
pub(crate) fn orphans() -> io::Result<Vec<u32>> {
    let list = read(&format!("/proc/self/task/{}/children", std::process::id()))?;
    Ok(numbers(&list).collect())
}

fn numbers(list: &[u8]) -> impl Iterator<Item = u32> {
    list.split(|byte| *byte == b' ').filter_map(number::<u32>)
}

/// The real user of a process.
pub(crate) fn real_uid(pid: u32) -> Option<u32> {
    let status = read(&format!("/proc/{pid}/status")).ok()?;
    let line = status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"Uid:"))?;
    line.split(u8::is_ascii_whitespace).find_map(number)
}

/// How long a process may be on its way through execve, before its environment counts as unreadable.
const EXECVE_PATIENCE: Duration = Duration::from_millis(100);

/// A variable of the environment that a process was executed with; `None` also where it is not for us to read.
pub(crate) fn variable(pid: u32, name: &str) -> Option<String> {
    let end = Instant::now() + EXECVE_PATIENCE;
    let environ = loop {
        let environ = read(&format!("/proc/{pid}/environ")).ok()?;
        // In the midst of execve(2) it reads as empty: the old memory is gone, or the new one has no environment yet.
        if !environ.is_empty() || has_none(pid) || Instant::now() >= end {
            break environ;
        }
        // It takes microseconds once the kernel lets it run, and there is nothing to wait on.
        std::thread::yield_now();
    };
    let prefix = format!("{name}=");
    let found = environ
        .split(|byte| *byte == 0)
        .find_map(|pair| pair.strip_prefix(prefix.as_bytes()))?;
    String::from_utf8(found.to_vec()).ok()
}

/// Whether a process really has no environment. Only for one whose environment may be read: the kernel hides where it
/// lies from all others.
fn has_none(pid: u32) -> bool {
    read(&format!("/proc/{pid}/stat")).map_or(true, |text| is_without_environment(&text))
}

fn is_without_environment(text: &[u8]) -> bool {
    let Some(end) = text.iter().rposition(|byte| *byte == b')') else {
        return true;
    };
    let fields: Vec<&[u8]> = text[end + 1..].split(u8::is_ascii_whitespace).skip(1).collect();
    let (vsize, env_start, env_end) = (20, 47, 48);
    let is_zero = |place: usize| fields.get(place).is_none_or(|field| *field == b"0");
    // Without memory it is a thread of the kernel, or has ended.
    is_zero(vsize) || (!is_zero(env_end) && fields.get(env_start) == fields.get(env_end))
}

fn boot_time() -> SystemTime {
    let seconds = fs::read_to_string("/proc/stat").ok().and_then(|text| {
        text.lines()
            .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
    });
    UNIX_EPOCH + Duration::from_secs(seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_environment_is_told_from_one_that_is_not_in_place_yet() {
        let is_without = |vsize: &str, env_start: &str, env_end: &str| {
            let mut fields = ["1"; 50];
            (fields[20], fields[47], fields[48]) = (vsize, env_start, env_end);
            is_without_environment(format!("7 (a) b) {}", fields.join(" ")).as_bytes())
        };
        assert!(!is_without("4096", "140000", "140100"));
        assert!(!is_without("4096", "0", "0"), "in the midst of execve");
        assert!(is_without("4096", "140000", "140000"), "an empty one");
        assert!(is_without("0", "0", "0"), "a thread of the kernel");
        assert!(!has_none(std::process::id()));
    }

    #[test]
    fn a_program_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let text = b"42 (a) R (b) S 7 42 41 0 -1 4194560 1 0 0 0 1 2 30 40 20 0 1 0 12345 1000 10";
        let expected = Stat {
            state: b'S',
            ppid: 7,
            group: 42,
            session: 41,
            flags: 4_194_560,
            cpu_ticks: 73,
            start_ticks: 12345,
            threads: 1,
            pages: 10,
            exit_status: 0,
        };
        assert_eq!(parse_stat(text), Some(expected));
        let zombie = Stat {
            state: b'Z',
            ..expected
        };
        assert!(zombie.is_dead() && !expected.is_dead());
        let first_thread_has_ended = Stat { threads: 2, ..zombie };
        assert!(!first_thread_has_ended.is_dead(), "the others go on");
        assert_eq!(parse_stat(b"42 (a"), None);
        assert_eq!(parse_stat(b"42 (a) S 1"), None);
    }

    #[test]
    fn this_process_is_among_all_and_started_not_long_ago() {
        let own = std::process::id();
        assert!(pids().unwrap().contains(&own));
        let age = SystemTime::now()
            .duration_since(stat(own).unwrap().started_at())
            .unwrap_or_default();
        assert!(age < Duration::from_secs(24 * 3600), "{age:?}");
    }
}
