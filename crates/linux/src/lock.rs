//! One daemon per data directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::proc::{self, Stat};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The name of the lock file in the data directory.
const FILE: &str = "pmond.lock";

/// How long a child of a daemon that was killed may take to execute. It opens files of a user meanwhile.
const CHILD_PATIENCE: Duration = Duration::from_secs(10);

/// The data directory is ours for as long as this lives. `flock(2)`
///
/// The kernel gives the lock back however we end, so the file itself means nothing and is never removed. It belongs to the
/// open file, not to the process: it survives an `execve` that the descriptor survives.
#[derive(Debug)]
pub struct Lock(File);

/// Why the data directory could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon has it.
    #[error("another pmond{} is already running on {}", of_pid(*pid), directory.display())]
    Held {
        /// Its pid, if it has told it already.
        pid: Option<u32>,
        /// The directory that both want.
        directory: PathBuf,
    },
    /// The lock file cannot be opened, locked or written.
    #[error("cannot lock {}: {source}", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

fn of_pid(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

impl Lock {
    /// Takes the lock and writes our pid into the file, or fails at once.
    pub fn take(data_dir: &Path) -> Result<Lock, LockError> {
        let path = data_dir.join(FILE);
        let failed = |source| LockError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let pid = holder(&file);
                let is_gone = pid.is_some_and(|pid| proc::stat(pid).map_or(true, Stat::is_dead));
                if !is_gone || !is_released(&file, CHILD_PATIENCE).map_err(failed)? {
                    return Err(LockError::Held {
                        pid,
                        directory: data_dir.to_owned(),
                    });
                }
            }
            Err(error) => return Err(failed(error.into())),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Lock(file))
    }

    /// Takes over a descriptor that came through an `execve` from [`Lock::into_fd`], lock and all.
    pub fn from_fd(fd: OwnedFd) -> Lock {
        Lock(File::from(fd))
    }

    /// The locked descriptor. Close-on-exec is set: clear it to hand the lock on.
    pub fn into_fd(self) -> OwnedFd {
        self.0.into()
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether the lock of a daemon that is gone becomes ours in time. A child that it was starting when it was killed holds
/// it, too, until it executes: before that it does not even bear the mark by which it would be found.
fn is_released(file: &File, patience: Duration) -> io::Result<bool> {
    let waiter = file.try_clone()?;
    let (tell, told) = mpsc::channel();
    std::thread::Builder::new().name("lock".to_owned()).spawn(move || {
        let _ = tell.send(flock(&waiter, FlockOperation::LockExclusive));
    })?;
    match told.recv_timeout(patience) {
        Ok(result) => result.map(|()| true).map_err(io::Error::from),
        // The daemon ends, and with it the thread that waits.
        Err(_) => Ok(false),
    }
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(format!("{}\n", std::process::id()).as_bytes())
}

fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn second_daemon_is_told_the_pid_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err();
        assert!(matches!(error, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()));
        let expected = format!(
            "another pmond (pid {}) is already running on {}",
            std::process::id(),
            dir.path().display()
        );
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn lock_is_free_once_its_holder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        drop(Lock::take(dir.path()).unwrap());
        fs::write(dir.path().join(FILE), "99999999999\n").unwrap();
        let _again = Lock::take(dir.path()).unwrap();
        assert_eq!(
            fs::read_to_string(dir.path().join(FILE)).unwrap(),
            format!("{}\n", std::process::id())
        );
    }

    #[test]
    fn lock_goes_along_with_its_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::from_fd(Lock::take(dir.path()).unwrap().into_fd());
        assert!(matches!(Lock::take(dir.path()), Err(LockError::Held { .. })));
        drop(lock);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn holder_that_has_not_told_its_pid_is_still_a_holder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = Lock::take(dir.path()).unwrap();
        fs::write(dir.path().join(FILE), "").unwrap();
        let error = Lock::take(dir.path()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("another pmond is already running on {}", dir.path().display())
        );
    }

    #[test]
    fn lock_file_that_is_a_symlink_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join(FILE)).unwrap();
        assert!(matches!(Lock::take(dir.path()), Err(LockError::Io { .. })));
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn missing_directory_is_named() {
        let error = Lock::take(Path::new("/nonexistent/data")).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot lock /nonexistent/data/pmond.lock: ")
        );
    }

    #[test]
    fn child_that_a_killed_daemon_was_starting_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        // It holds the lock as its stdout, until its stdin ends.
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(lock.into_fd())
            .spawn()
            .unwrap();
        let mut gone = Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        fs::write(dir.path().join(FILE), format!("{}\n", gone.id())).unwrap();
        let taking = std::thread::spawn({
            let dir = dir.path().to_owned();
            move || Lock::take(&dir).map(drop)
        });
        let waits = || {
            fs::read_dir("/proc/self/task").unwrap().flatten().any(|thread| {
                let name = fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
                name == "lock\n"
            })
        };
        while !waits() && !taking.is_finished() {
            std::thread::yield_now();
        }
        drop(child.stdin.take());
        taking.join().unwrap().unwrap();
        child.wait().unwrap();
    }
}
