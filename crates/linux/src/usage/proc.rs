//! Reading `/proc` for many processes, with one buffer for all of them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, open, openat, seek};
use rustix::io::Errno;
use rustix::path::Arg;

/// What we want to know from `/proc/PID/stat`: times in clock ticks, memory in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) session: u32,
    /// User and system time, that of waited-for children included.
    pub(super) cpu: u64,
    /// Since boot.
    pub(super) start: u64,
    pub(super) resident: u64,
}

/// An open `/proc`, and a buffer for what is read there.
#[derive(Debug)]
pub(super) struct Proc {
    directory: OwnedFd,
    content: Vec<u8>,
}

impl Proc {
    pub(super) fn open() -> io::Result<Proc> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open("/proc", flags, Mode::empty())?;
        Ok(Proc {
            directory,
            content: Vec::with_capacity(4096),
        })
    }

    /// Every process that we can see.
    pub(super) fn pids(&self) -> io::Result<Vec<u32>> {
        let mut buffer = [MaybeUninit::uninit(); 32 * 1024];
        let mut pids = Vec::new();
        seek(&self.directory, SeekFrom::Start(0))?;
        let mut entries = RawDir::new(&self.directory, &mut buffer);
        while let Some(entry) = entries.next() {
            pids.extend(number::<u32>(entry?.file_name().to_bytes()));
        }
        Ok(pids)
    }

    /// The processes in a `cgroup.procs`; none if it cannot be read.
    pub(super) fn cgroup_members(&mut self, procs: &Path) -> Vec<u32> {
        match read_all(CWD, procs, &mut self.content) {
            Ok(()) => self.content.split(|b| *b == b'\n').filter_map(number::<u32>).collect(),
            Err(_) => Vec::new(),
        }
    }

    /// All the CPU time that a cgroup has ever used, from its `cpu.stat`.
    pub(super) fn cgroup_cpu_time(&mut self, stat: &Path) -> Option<Duration> {
        read_all(CWD, stat, &mut self.content).ok()?;
        let line = self
            .content
            .split(|b| *b == b'\n')
            .find_map(|line| line.strip_prefix(b"usage_usec "))?;
        number(line).map(Duration::from_micros)
    }

    /// `/proc/PID/stat`; `None` when the process is gone, or not for us to see.
    pub(super) fn stat(&mut self, pid: u32) -> Option<Stat> {
        read_all(self.directory.as_fd(), format!("{pid}/stat"), &mut self.content).ok()?;
        parse_stat(pid, &self.content)
    }

    /// Resident pages of a process, and how many of these are mapped from files or shared: `/proc/PID/statm`.
    pub(super) fn memory(&mut self, pid: u32) -> Option<(u64, u64)> {
        read_all(self.directory.as_fd(), format!("{pid}/statm"), &mut self.content).ok()?;
        let mut fields = fields(&self.content);
        Some((number(fields.nth(1)?)?, number(fields.next()?)?))
    }

    /// What a variable of a process's environment was when it was started.
    pub(super) fn environment(&mut self, pid: u32, variable: &str) -> Option<&[u8]> {
        read_all(self.directory.as_fd(), format!("{pid}/environ"), &mut self.content).ok()?;
        let mut variables = self.content.split(|b| *b == 0);
        variables.find_map(|assignment| assignment.strip_prefix(variable.as_bytes())?.strip_prefix(b"="))
    }
}

/// Replaces `content` by that of a file.
fn read_all(directory: BorrowedFd<'_>, path: impl Arg, content: &mut Vec<u8>) -> Result<(), Errno> {
    let file = openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    content.clear();
    loop {
        content.reserve(4096);
        match rustix::io::read(&file, spare_capacity(content)) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// `proc_pid_stat(5)`. The second field is a name in parentheses which may contain anything, parentheses as well.
fn parse_stat(pid: u32, text: &[u8]) -> Option<Stat> {
    let after_name = text.iter().rposition(|b| *b == b')')? + 1;
    // The first one here is number 3, the state.
    let mut fields = fields(&text[after_name..]).map(number::<u64>);
    let parent = fields.nth(1)??;
    let group = fields.next()??;
    let session = fields.next()??;
    let mut cpu = fields.nth(7)??;
    for _ in 0..3 {
        cpu += fields.next()??;
    }
    let start = fields.nth(4)??;
    let resident = fields.nth(1)??;
    let id = |n: u64| u32::try_from(n).ok();
    Some(Stat {
        pid,
        parent: id(parent)?,
        group: id(group)?,
        session: id(session)?,
        cpu,
        start,
        resident,
    })
}

fn fields(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty())
}

fn number<N: std::str::FromStr>(digits: &[u8]) -> Option<N> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_understood_whatever_the_name_of_the_program() {
        let text = b"42 (a) R (b) 1 S 7 42 41 34816 42 4194304 100 200 0 0 10 20 3 4 20 0 1 0 987654 2703360 333 \
            18446744073709551615 1 1 0 0 0 0 0 0 65536 1 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        let expected = Stat {
            pid: 42,
            parent: 7,
            group: 42,
            session: 41,
            cpu: 37,
            start: 987_654,
            resident: 333,
        };
        assert_eq!(parse_stat(42, text), Some(expected));
    }

    #[test]
    fn truncated_stat_is_none() {
        assert_eq!(parse_stat(1, b""), None);
        assert_eq!(parse_stat(1, b"1 (x) S 0 1"), None);
    }

    #[test]
    fn own_process_is_among_all_and_readable() {
        let mut proc = Proc::open().unwrap();
        let own = std::process::id();
        for _ in 0..2 {
            assert!(proc.pids().unwrap().contains(&own));
        }
        let stat = proc.stat(own).unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(stat.start > 0 && stat.resident > 0);
        let (resident, mapped) = proc.memory(own).unwrap();
        assert!(mapped > 0 && mapped < resident);
        assert_eq!(proc.stat(u32::MAX), None);
    }

    #[test]
    fn accounts_of_a_cgroup_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let (procs, cpu) = (dir.path().join("cgroup.procs"), dir.path().join("cpu.stat"));
        let mut proc = Proc::open().unwrap();
        assert_eq!(proc.cgroup_members(&procs), [0u32; 0]);
        assert_eq!(proc.cgroup_cpu_time(&cpu), None);
        let pids: Vec<u32> = (1..5000).collect();
        std::fs::write(&procs, pids.iter().map(|pid| format!("{pid}\n")).collect::<String>()).unwrap();
        std::fs::write(&cpu, "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n").unwrap();
        assert_eq!(proc.cgroup_members(&procs), pids);
        assert_eq!(proc.cgroup_cpu_time(&cpu), Some(Duration::from_micros(1_234_567)));
    }
}
