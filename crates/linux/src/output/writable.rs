//! Whether a log could be opened, before anything depends on it.

use super::LogError;
use crate::user::{Credentials, as_user};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open};
use rustix::io::Errno;
use std::path::Path;

/// Whether `owner` may append to the log at `path`, or make it. Nothing is made, and nothing is promised: what the kernel
/// says when the program is started decides.
///
/// # Errors
/// What the kernel says now.
pub fn check_writable(path: &Path, owner: &Credentials) -> Result<(), LogError> {
    let failed = |step, path: &Path, errno: Errno| LogError::Io {
        step,
        path: path.to_owned(),
        source: errno.into(),
    };
    let tried = as_user(owner, || {
        // A named pipe without a reader must fail, not wait.
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        match open(path, flags, Mode::empty()) {
            Ok(_) => return Ok(()),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("open", path, errno)),
        }
        let dir = path.parent().unwrap_or(Path::new("/"));
        // EACCESS: with the rights in force now, which are those of `owner`.
        accessat(CWD, dir, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
            .map_err(|errno| failed("write to the directory", dir, errno))
    });
    tried.map_err(|source| LogError::Io {
        step: "act as the user of",
        path: path.to_owned(),
        source,
    })?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user;

    fn own() -> Credentials {
        let account = user::by_uid(rustix::process::geteuid().as_raw()).unwrap().unwrap();
        user::credentials(&account).unwrap()
    }

    #[test]
    fn a_log_that_exists_or_could_be_made_is_writable_and_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        check_writable(&path, &own()).unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "x").unwrap();
        check_writable(&path, &own()).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn a_missing_directory_and_a_directory_in_its_place_are_errors_that_name_them() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_writable(&dir.path().join("missing/a.log"), &own()).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        assert!(check_writable(dir.path(), &own()).is_err());
    }

    #[test]
    fn a_directory_of_root_is_not_writable_for_others() {
        if !rustix::process::geteuid().is_root() {
            return eprintln!("skipped: needs root");
        }
        let dir = tempfile::tempdir().unwrap();
        let nobody = Credentials {
            uid: 65534,
            gid: 65534,
            groups: vec![65534],
        };
        assert!(check_writable(&dir.path().join("a.log"), &nobody).is_err());
    }
}
