//! The daemon's socket: the only door.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt, lchown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, fchmod};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The longest path of a socket in bytes: `sun_path` has 108, and the last one is NUL. `unix(7)`
pub const LONGEST_PATH: usize = 107;

/// Connections that may wait to be accepted (the kernel caps it at `net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Who the socket file belongs to. `None`: as the daemon's new files do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: Option<u32>,
    /// Group id.
    pub gid: Option<u32>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The kernel has no room for the path.
    #[error("the socket path {} is {} bytes long, {LONGEST_PATH} are possible: set a shorter `socket`",
        path.display(), path.as_os_str().len())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Somebody answers there.
    #[error("another daemon already answers on {}: stop it, or set another `socket`", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// There is something else at the path. It is left alone.
    #[error("{} exists and is not a socket: remove it, or set another `socket`", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Anything else.
    #[error("cannot {step} {}: {source}", path.display())]
    Io {
        /// What was tried, e.g. "listen on".
        step: &'static str,
        /// On which path.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Listens at `path`. The directory is made (0755) when it is missing. The socket of a daemon that is dead is replaced; one
/// that answers is left alone.
///
/// The caller must hold the [`Lock`](crate::lock::Lock) of its data directory, and no two data directories should share a socket: between
/// finding a socket dead and replacing it another daemon without that lock could have made its own.
///
/// The listener blocks; it and accepted connections are close-on-exec.
pub fn bind(path: &Path, mode: u32, owner: Owner) -> Result<UnixListener, ListenError> {
    let failed = |step| {
        move |source: io::Error| ListenError::Io {
            step,
            path: path.to_owned(),
            source,
        }
    };
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(ListenError::TooLong { path: path.to_owned() });
    }
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o755).create(directory);
        made.map_err(|source| ListenError::Io {
            step: "make the directory",
            path: directory.to_owned(),
            source,
        })?;
    }
    let address = SocketAddrUnix::new(path).map_err(|error| failed("listen on")(error.into()))?;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .map_err(|error| failed("listen on")(error.into()))?;
    // The file gets the mode of the descriptor (less the umask): at no moment is it open to more people than it should be.
    fchmod(&socket, Mode::from_raw_mode(mode)).map_err(|error| failed("set the mode of")(error.into()))?;
    match net::bind(&socket, &address) {
        Ok(()) => {}
        Err(Errno::ADDRINUSE) => {
            remove_stale(path)?;
            net::bind(&socket, &address).map_err(|error| failed("listen on")(error.into()))?;
        }
        Err(error) => return Err(failed("listen on")(error.into())),
    }
    if owner != Owner::default() {
        lchown(path, owner.uid, owner.gid).map_err(failed("set the owner of"))?;
    }
    // Without the umask.
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("set the mode of"))?;
    net::listen(&socket, BACKLOG).map_err(|error| failed("listen on")(error.into()))?;
    Ok(UnixListener::from(socket))
}

/// Removes a socket that nobody listens on any more; an error if somebody does, or if it is no socket.
fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed = |step| {
        move |source: io::Error| ListenError::Io {
            step,
            path: path.to_owned(),
            source,
        }
    };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => return Err(ListenError::NotASocket { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the stale socket"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Also when it is too busy to take us, or of another type: somebody is there.
        Ok(_) | Err(_) => Err(ListenError::InUse { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::net::UnixDatagram;

    use super::*;

    fn temporary() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/pmon3/pmond.sock");
        (dir, path)
    }

    #[test]
    fn directory_is_made_and_the_mode_is_exact() {
        let (_dir, path) = temporary();
        let _listener = bind(&path, 0o666, Owner::default()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o666);
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn stale_socket_is_taken_over() {
        let (_dir, path) = temporary();
        drop(bind(&path, 0o600, Owner::default()).unwrap());
        assert!(path.exists());
        // A child that another test starts just now holds the first one until it executes.
        let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let listener = loop {
            match bind(&path, 0o666, Owner::default()) {
                Err(ListenError::InUse { .. }) if std::time::Instant::now() < end => std::thread::yield_now(),
                bound => break bound.unwrap(),
            }
        };
        let _client = UnixStream::connect(&path).unwrap();
        listener.accept().unwrap();
    }

    #[test]
    fn live_socket_is_left_alone() {
        let (_dir, path) = temporary();
        let first = bind(&path, 0o666, Owner::default()).unwrap();
        let error = bind(&path, 0o666, Owner::default()).unwrap_err();
        assert!(matches!(error, ListenError::InUse { .. }), "{error}");
        first.set_nonblocking(true).unwrap();
        first.accept().unwrap();
        UnixStream::connect(&path).unwrap();
    }

    #[test]
    fn socket_of_another_type_is_left_alone() {
        let (_dir, path) = temporary();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _other = UnixDatagram::bind(&path).unwrap();
        assert!(matches!(
            bind(&path, 0o666, Owner::default()),
            Err(ListenError::InUse { .. })
        ));
    }

    #[test]
    fn file_that_is_no_socket_is_left_alone() {
        let (_dir, path) = temporary();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "precious").unwrap();
        let error = bind(&path, 0o666, Owner::default()).unwrap_err();
        assert!(error.to_string().contains("is not a socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn path_that_is_too_long_is_refused_with_both_lengths() {
        let dir = tempfile::tempdir().unwrap();
        let room = LONGEST_PATH - dir.path().as_os_str().len() - 1;
        bind(&dir.path().join("x".repeat(room)), 0o600, Owner::default()).unwrap();
        let error = bind(&dir.path().join("x".repeat(room + 1)), 0o600, Owner::default()).unwrap_err();
        assert!(
            error.to_string().contains("is 108 bytes long, 107 are possible"),
            "{error}"
        );
    }

    #[test]
    fn owner_of_the_file_is_set() {
        if !rustix::process::geteuid().is_root() {
            return eprintln!("skipped, needs root: owner_of_the_file_is_set");
        }
        let (_dir, path) = temporary();
        let _listener = bind(
            &path,
            0o660,
            Owner {
                uid: None,
                gid: Some(54_321),
            },
        )
        .unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
            (0, 54_321, 0o660)
        );
    }

    #[test]
    fn directory_that_cannot_be_made_is_named() {
        let error = bind(Path::new("/dev/null/x/s"), 0o666, Owner::default()).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot make the directory /dev/null/x: "),
            "{error}"
        );
    }
}
