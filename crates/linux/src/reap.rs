//! The one place that waits for children: the programs that we started, and the orphans that came to us.

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, WaitStatus, wait, waitid, waitpid};
use std::fmt;
use std::io;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It called exit with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// Nobody can say.
    Unknown,
}

impl Exit {
    /// From the number that wait(2) gives.
    pub(crate) fn from_raw(status: i32) -> Exit {
        if libc::WIFSIGNALED(status) {
            Exit::Signal(libc::WTERMSIG(status))
        } else {
            Exit::Code(libc::WEXITSTATUS(status))
        }
    }

    /// From the status that wait(2) gives.
    pub(crate) fn from_status(status: WaitStatus) -> Exit {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Unknown,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
            Exit::Unknown => write!(f, "an end that nobody saw"),
        }
    }
}

/// From now on, descendants whose parent ends become our children (PR_SET_CHILD_SUBREAPER(2const)).
pub fn become_subreaper() -> io::Result<()> {
    let own = Pid::from_raw(1); // any pid but none: "yes"
    Ok(rustix::process::set_child_subreaper(own)?)
}

/// The next child that has ended, if one has. Call it until there is none: the signals of several children come as one.
pub fn next() -> io::Result<Option<(u32, Exit)>> {
    loop {
        return match wait(WaitOptions::NOHANG) {
            Ok(ended) => {
                Ok(ended.map(|(pid, status)| (pid.as_raw_nonzero().get().unsigned_abs(), Exit::from_status(status))))
            }
            Err(rustix::io::Errno::CHILD) => Ok(None),
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// Waits for this child, which is known to have ended.
pub(crate) fn wait_for(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    while let Err(rustix::io::Errno::INTR) = waitpid(Some(pid), WaitOptions::empty()) {}
}

/// Whether this process is a child of ours: then its end will come to [`next`].
#[must_use]
pub fn is_child(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(pid), look).is_ok()
}
