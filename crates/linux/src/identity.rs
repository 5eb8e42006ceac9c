//! Is this pid still that process? A number alone does not tell: the kernel gives it away again.
//!
//! Where pidfds have an inode each (pidfs, Linux 6.9), that inode is never given away twice in one boot. Elsewhere the
//! time of start stands in: two processes with one number that started in the same tick would be needed to mistake it.

use crate::proc;
use crate::reap::Exit;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{fstat, fstatfs};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

/// `PID_FS_MAGIC` of linux/magic.h.
const PID_FS_MAGIC: u64 = 0x5049_4446;
/// How long the parent of a process may take to wait for it, before its exit status counts as unknown.
const REAPING_PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// What tells this process from all others with its number, before and after it. To be kept as it is, and given back to
/// [`is_still`].
pub fn of(pid: u32) -> io::Result<String> {
    let pidfd = open(pid)?;
    of_pidfd(pid, pidfd.as_fd())
}

/// A descriptor of a process (pidfd_open(2)).
pub(crate) fn open(pid: u32) -> io::Result<OwnedFd> {
    let number = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(number, PidfdFlags::empty())?)
}

fn of_pidfd(pid: u32, pidfd: BorrowedFd<'_>) -> io::Result<String> {
    let boot = boot_id();
    if has_unique_inodes(pidfd) {
        return Ok(format!("{boot}:inode:{}", fstat(pidfd)?.st_ino));
    }
    Ok(format!("{boot}:start:{}", proc::stat(pid)?.start_ticks))
}

fn has_unique_inodes(pidfd: BorrowedFd<'_>) -> bool {
    fstatfs(pidfd).is_ok_and(|found| found.f_type as u64 == PID_FS_MAGIC)
}

/// The kernel's name for the time since it was booted: numbers and ticks mean something within it only.
fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .map(|id| id.trim().to_owned())
            .unwrap_or_default()
    })
}

/// Whether that number is still that process, and the process has not ended.
#[must_use]
pub fn is_still(pid: u32, identity: &str) -> bool {
    open_if_still(pid, identity).is_some()
}

/// A descriptor of that process, if it is still there. It becomes readable when the process ends.
#[must_use]
pub fn open_if_still(pid: u32, identity: &str) -> Option<OwnedFd> {
    let pidfd = open(pid).ok()?;
    // Opened first, compared then: from here on the descriptor cannot come to mean another process.
    let same = of_pidfd(pid, pidfd.as_fd()).is_ok_and(|found| found == identity);
    let alive = proc::stat(pid).is_ok_and(|stat| !stat.is_dead());
    (same && alive).then_some(pidfd)
}

/// How a process ended that was not our child. The kernel tells it for good once the parent has waited for it
/// (`PIDFD_GET_INFO`, ioctl_pidfd(2), Linux 6.15), and before that to who may look (proc_pid_stat(5), `exit_code`).
#[must_use]
pub fn exit_of(pid: u32, pidfd: &OwnedFd) -> Exit {
    if let Some(exit) = exit_info(pidfd).or_else(|| exit_of_zombie(pid, pidfd)) {
        return exit;
    }
    let mut hang_up = [PollFd::new(pidfd, PollFlags::empty())];
    // Whatever poll says: if the status is not there after it, it is unknown.
    let _ = poll(&mut hang_up, Some(&REAPING_PATIENCE));
    exit_info(pidfd).unwrap_or(Exit::Unknown)
}

fn exit_of_zombie(pid: u32, pidfd: &OwnedFd) -> Option<Exit> {
    let stat = proc::stat(pid).ok().filter(|stat| stat.is_dead())?;
    // Still not waited for, so what was read just now was said of it, and of nobody after it.
    let mut hang_up = [PollFd::new(pidfd, PollFlags::empty())];
    let waited_for = poll(&mut hang_up, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0);
    // A zero may mean that we may not look (ptrace(2), "Ptrace access mode checking").
    let own = rustix::process::geteuid();
    let may_look = own.is_root() || proc::real_uid(pid) == Some(own.as_raw());
    (!waited_for && (stat.exit_status != 0 || may_look)).then(|| Exit::from_raw(stat.exit_status))
}

/// `struct pidfd_info` of linux/pidfd.h, its first version.
#[repr(C)]
#[derive(Default)]
struct PidfdInfo {
    mask: u64,
    cgroupid: u64,
    pid: u32,
    tgid: u32,
    ppid: u32,
    ruid: u32,
    rgid: u32,
    euid: u32,
    egid: u32,
    suid: u32,
    sgid: u32,
    fsuid: u32,
    fsgid: u32,
    exit_code: i32,
}

const PIDFD_INFO_EXIT: u64 = 1 << 3;
/// `_IOWR(0xFF, 11, struct pidfd_info)`.
const PIDFD_GET_INFO: u32 = (3 << 30) | ((size_of::<PidfdInfo>() as u32) << 16) | (0xFF << 8) | 11;

fn exit_info(pidfd: &OwnedFd) -> Option<Exit> {
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the request carries the size of the struct, which is ours; the kernel writes no more than that.
    let result = unsafe { libc::ioctl(pidfd.as_raw_fd(), PIDFD_GET_INFO as libc::Ioctl, &raw mut info) };
    if result != 0 || info.mask & PIDFD_INFO_EXIT == 0 {
        return None;
    }
    Some(Exit::from_raw(info.exit_code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_is_itself_until_it_has_ended() {
        let mut child = Command::new("sleep").arg("60").stdout(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        let its = of(pid).unwrap();
        assert!(is_still(pid, &its));
        assert!(!is_still(pid, &format!("{its}0")), "another inode or time of start");
        assert!(!is_still(std::process::id(), &its), "another process");
        let pidfd = open_if_still(pid, &its).unwrap();
        child.kill().unwrap();
        let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
        poll(&mut ended, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })).unwrap();
        assert!(!is_still(pid, &its), "a zombie has ended");
        child.wait().unwrap();
        assert!(!is_still(pid, &its));
    }

    fn ended(pidfd: &OwnedFd) {
        let mut ended = [PollFd::new(pidfd, PollFlags::IN)];
        assert_eq!(poll(&mut ended, Some(&Timespec { tv_sec: 20, tv_nsec: 0 })).unwrap(), 1);
    }

    #[test]
    fn the_end_of_a_zombie_is_known_before_its_parent_waits_for_it() {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let pidfd = open(child.id()).unwrap();
        ended(&pidfd);
        assert_eq!(exit_of(child.id(), &pidfd), Exit::Code(7));
        child.wait().unwrap();
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pidfd = open(child.id()).unwrap();
        child.kill().unwrap();
        ended(&pidfd);
        assert_eq!(exit_of(child.id(), &pidfd), Exit::Signal(9));
        child.wait().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let pidfd = open(child.id()).unwrap();
        ended(&pidfd);
        assert_eq!(
            exit_of_zombie(child.id(), &pidfd),
            Some(Exit::Code(0)),
            "and a success at once"
        );
        child.wait().unwrap();
    }

    #[test]
    fn the_end_of_a_process_that_was_waited_for_is_told_by_its_descriptor_or_unknown() {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().unwrap();
        let pidfd = open(child.id()).unwrap();
        child.wait().unwrap();
        assert!(matches!(exit_of(child.id(), &pidfd), Exit::Code(7) | Exit::Unknown));
    }
}
