//! Log files: what programs have written, straight into append-mode files of their users.
//!
//! A log's path is chosen by its user, and so is all that lies at it and around it: links, pipes, other people's files. So each file
//! is opened, listed and removed with that user's rights ([`as_user`]), and only regular files are read or
//! removed. What is open needs no rights any more.

mod archive;
mod directory;
mod follow;
mod read;
mod writable;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fcntl_setfl, fstat, open, openat2};
use rustix::io::Errno;

pub use archive::archives;
pub use directory::{prepare_dir, remove_all};
pub use follow::Follower;
pub use read::{Lines, Reader, read};
pub use writable::check_writable;

use crate::user::{Credentials, as_user};

/// Why a log cannot be read, prepared or removed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The kernel refused.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. "open".
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is something, but no regular file.
    #[error("{} is {kind}, not a log file", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
        /// What it is, e.g. "a named pipe".
        kind: &'static str,
    },
    /// Where the directory for a user's logs should be there is something else.
    #[error("{} is not a directory", path.display())]
    NotADirectory {
        /// Its path.
        path: PathBuf,
    },
    /// The directory for a user's logs exists and is somebody else's.
    #[error("{} belongs to user id {found}, not to {wanted}: change its owner or remove it", path.display())]
    WrongOwner {
        /// Its path.
        path: PathBuf,
        /// Whose it is.
        found: u32,
        /// Whose it should be.
        wanted: u32,
    },
}

impl LogError {
    /// There is nothing at that path (yet).
    pub fn is_missing(&self) -> bool {
        matches!(self, LogError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    fn io(step: &'static str, path: &Path, source: impl Into<io::Error>) -> LogError {
        LogError::Io {
            step,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

/// Keeps kind and text.
impl From<LogError> for io::Error {
    fn from(error: LogError) -> io::Error {
        let kind = match &error {
            LogError::Io { source, .. } => source.kind(),
            LogError::NotAFile { .. } => io::ErrorKind::InvalidInput,
            LogError::NotADirectory { .. } => io::ErrorKind::NotADirectory,
            LogError::WrongOwner { .. } => io::ErrorKind::PermissionDenied,
        };
        io::Error::new(kind, error)
    }
}

/// Calls `f` with the file rights of the log's owner.
fn with_rights<T: Send>(
    owner: &Credentials,
    path: &Path,
    f: impl FnOnce() -> Result<T, LogError> + Send,
) -> Result<T, LogError> {
    as_user(owner, f).unwrap_or_else(|error| Err(LogError::io("take the rights for", path, error)))
}

/// Opens a regular file for reading, with the rights of the calling thread, without ever waiting for it.
fn open_regular(path: &Path) -> Result<File, LogError> {
    // NONBLOCK: a pipe without a writer, a device or a leased file must not hold us up.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    // A thread may follow the links in /proc/self/fd of its own process whatever its ids are: they would lead past directories
    // that the user cannot search, to files that the daemon has open.
    let opened = match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
        // Before Linux 5.6, or a filter that does not know the call.
        Err(Errno::NOSYS | Errno::PERM) => open(path, flags, Mode::empty()),
        result => result,
    };
    let file = opened.map_err(|error| LogError::io("open", path, error))?;
    let stat = fstat(&file).map_err(|error| LogError::io("look at", path, error))?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            fcntl_setfl(&file, OFlags::empty()).map_err(|error| LogError::io("open", path, error))?;
            return Ok(File::from(file));
        }
        FileType::Directory => "a directory",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Symlink | FileType::Unknown => "something else",
    };
    Err(LogError::NotAFile {
        path: path.to_owned(),
        kind,
    })
}

/// The directory that a path is in: where an entry of it is looked for.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod testing {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::path::PathBuf;

    use rustix::process::geteuid;

    use crate::user::Credentials;

    pub(super) const STRANGER: u32 = 54_321;

    pub(super) fn myself() -> Credentials {
        Credentials {
            uid: geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            groups: vec![],
        }
    }

    pub(super) fn stranger() -> Credentials {
        Credentials {
            uid: STRANGER,
            gid: STRANGER,
            groups: vec![STRANGER],
        }
    }

    /// A directory, and the path of a log in it.
    pub(super) fn temporary() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("web.log");
        (dir, log)
    }

    /// The same, owned by [`stranger`]; `None` (and a word about it) when we are not root.
    pub(super) fn of_stranger(test: &str) -> Option<(tempfile::TempDir, PathBuf)> {
        if !geteuid().is_root() {
            eprintln!("skipped, needs root: {test}");
            return None;
        }
        let (dir, log) = temporary();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        chown(dir.path(), Some(STRANGER), Some(STRANGER)).unwrap();
        Some((dir, log))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use rustix::fs::{FileType, Mode, mknodat};

    use super::testing::{of_stranger, stranger, temporary};
    use super::*;

    #[test]
    fn only_regular_files_are_read_and_nothing_is_waited_for() {
        let (dir, log) = temporary();
        mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let error = open_regular(&log).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is a named pipe, not a log file", log.display())
        );
        assert!(
            open_regular(dir.path())
                .unwrap_err()
                .to_string()
                .contains("is a directory")
        );
        assert!(
            open_regular(Path::new("/dev/null"))
                .unwrap_err()
                .to_string()
                .contains("is a device")
        );
        let socket = dir.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert!(open_regular(&socket).is_err());
    }

    #[test]
    fn descriptors_of_the_daemon_are_no_way_in() {
        let Some((_dir, _)) = of_stranger("descriptors_of_the_daemon_are_no_way_in") else {
            return;
        };
        let private = tempfile::tempdir().unwrap();
        fs::set_permissions(private.path(), Permissions::from_mode(0o700)).unwrap();
        let path = private.path().join("readable");
        fs::write(&path, "of the daemon").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let file = File::open(&path).unwrap();
        let link = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
        assert!(with_rights(&stranger(), &link, || open_regular(&link)).is_err());
    }

    #[test]
    fn link_of_the_user_opens_what_the_user_may_open() {
        let Some((dir, log)) = of_stranger("link_of_the_user_opens_what_the_user_may_open") else {
            return;
        };
        symlink("/etc/shadow", &log).unwrap();
        let error = with_rights(&stranger(), &log, || open_regular(&log)).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot open {}: Permission denied", log.display())),
            "{error}"
        );
        let own = dir.path().join("own");
        symlink("/etc/passwd", &own).unwrap();
        with_rights(&stranger(), &own, || open_regular(&own)).unwrap();
    }
}
