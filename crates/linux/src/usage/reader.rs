//! Reading what `/proc` and cgroups say of many processes, with one buffer for all of them.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, open, openat, seek};
use rustix::io::Errno;
use rustix::path::Arg;

use crate::proc::{Stat, number, parse_stat};

/// An open `/proc`, and a buffer for what is read there.
#[derive(Debug)]
pub(super) struct Reader {
    directory: OwnedFd,
    content: Vec<u8>,
}

impl Reader {
    pub(super) fn open() -> io::Result<Reader> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open("/proc", flags, Mode::empty())?;
        Ok(Reader {
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
        parse_stat(&self.content)
    }

    /// Resident pages of a process, and how many of these are mapped from files or shared: `/proc/PID/statm`.
    pub(super) fn memory(&mut self, pid: u32) -> Option<(u64, u64)> {
        read_all(self.directory.as_fd(), format!("{pid}/statm"), &mut self.content).ok()?;
        let mut fields = self.content.split(u8::is_ascii_whitespace);
        Some((number(fields.nth(1)?)?, number(fields.next()?)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_is_among_all_and_readable() {
        let mut proc = Reader::open().unwrap();
        let own = std::process::id();
        for _ in 0..2 {
            assert!(proc.pids().unwrap().contains(&own));
        }
        let stat = proc.stat(own).unwrap();
        assert_eq!(stat.ppid, std::os::unix::process::parent_id());
        assert!(stat.start_ticks > 0 && stat.pages > 0);
        let (resident, mapped) = proc.memory(own).unwrap();
        assert!(mapped > 0 && mapped < resident);
        assert_eq!(proc.stat(u32::MAX), None);
    }

    #[test]
    fn accounts_of_a_cgroup_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        let (procs, cpu) = (dir.path().join("cgroup.procs"), dir.path().join("cpu.stat"));
        let mut proc = Reader::open().unwrap();
        assert_eq!(proc.cgroup_members(&procs), [0u32; 0]);
        assert_eq!(proc.cgroup_cpu_time(&cpu), None);
        let pids: Vec<u32> = (1..5000).collect();
        std::fs::write(&procs, pids.iter().map(|pid| format!("{pid}\n")).collect::<String>()).unwrap();
        std::fs::write(&cpu, "usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n").unwrap();
        assert_eq!(proc.cgroup_members(&procs), pids);
        assert_eq!(proc.cgroup_cpu_time(&cpu), Some(Duration::from_micros(1_234_567)));
    }
}
