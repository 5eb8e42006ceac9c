//! One daemon per data directory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The name of the lock file in the data directory.
const FILE: &str = "pmond.lock";

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
                return Err(LockError::Held {
                    pid: holder(&file),
                    directory: data_dir.to_owned(),
                });
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
}
