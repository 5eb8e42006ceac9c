//! Making the directory for a user's logs, and removing logs.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, chmodat, chownat, fstat, mkdirat, open, openat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::{Gid, Uid};

use super::{LogError, archive, parent, with_rights};
use crate::user::Credentials;

/// Makes the directory for the logs of `owner`: theirs, and closed to others (0750). Those above it are made as ours (0755) when
/// they are missing. One that exists is left as it is.
///
/// This is the one thing that happens with the daemon's own rights, so `path` must be in a directory that only we can change.
///
/// # Errors
/// [`LogError::WrongOwner`] when it exists and belongs to somebody else; [`LogError::NotADirectory`] when it is something else.
pub fn prepare_dir(path: &Path, owner: &Credentials) -> Result<(), LogError> {
    let failed = |step| move |error: Errno| LogError::io(step, path, error);
    let above = parent(path);
    let made = DirBuilder::new().recursive(true).mode(0o755).create(above);
    made.map_err(|error| LogError::io("make the directory", above, error))?;
    let above = open_directory(above)?;
    let Some(name) = path.file_name() else {
        return Err(LogError::io("make the directory", path, io::ErrorKind::InvalidInput));
    };
    // Made without any rights, which marks it as unfinished: whoever finds it so can finish it.
    match mkdirat(&above, name, Mode::empty()) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed("make the directory")(error)),
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = match openat(&above, name, flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Err(LogError::NotADirectory { path: path.to_owned() });
        }
        Err(error) => return Err(failed("open the directory")(error)),
    };
    let stat = fstat(&directory).map_err(failed("look at"))?;
    let unfinished = Mode::from_raw_mode(stat.st_mode).is_empty();
    let ours = geteuid().as_raw();
    if unfinished && (stat.st_uid == ours || stat.st_uid == owner.uid) {
        if (stat.st_uid, stat.st_gid) != (owner.uid, owner.gid) && geteuid().is_root() {
            let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
            chownat(&above, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(failed("set the owner of"))?;
        }
        return chmodat(&above, name, Mode::from_raw_mode(0o750), AtFlags::empty()).map_err(failed("set the mode of"));
    }
    if stat.st_uid != owner.uid {
        return Err(LogError::WrongOwner {
            path: path.to_owned(),
            found: stat.st_uid,
            wanted: owner.uid,
        });
    }
    Ok(())
}

/// Removes the log at `path` and its archives, with the rights of `owner`, and returns how many files that were.
///
/// Only regular files go: a log that is `/dev/null`, a pipe or a link stays, and what a link points to stays anyway. All are
/// looked for in one directory, which is found once: swapping it for a link in between leads nowhere. What is not there is no error.
///
/// # Errors
/// The first failure, after all the others have been tried.
pub fn remove_all(path: &Path, owner: &Credentials) -> Result<usize, LogError> {
    with_rights(owner, path, || {
        let Some(base) = path.file_name() else { return Ok(0) };
        let directory = match open_directory(parent(path)) {
            Ok(directory) => directory,
            Err(error) if error.is_missing() => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut removed = 0;
        let mut first_error = None;
        let mut remove = |name: &OsStr| match remove_regular(&directory, name) {
            Ok(true) => removed += 1,
            Ok(false) | Err(Errno::NOENT) => {}
            Err(error) => {
                first_error.get_or_insert(LogError::io("remove", &path.with_file_name(name), error));
            }
        };
        remove(base);
        let listed = names(&directory).map(|names| {
            names
                .iter()
                .filter(|name| archive::is_archive(base, name))
                .for_each(|name| remove(name));
        });
        let listed = listed.map_err(|error| LogError::io("list the directory", parent(path), error));
        first_error.map_or(listed.map(|()| removed), Err)
    })
}

/// Removes one entry if it is a regular file; says whether it was.
fn remove_regular(directory: &OwnedFd, name: &OsStr) -> Result<bool, Errno> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(false);
    }
    unlinkat(directory, name, AtFlags::empty()).map(|()| true)
}

fn names(directory: &OwnedFd) -> Result<Vec<OsString>, Errno> {
    // Through "." for a descriptor that can be read: the one we have only says where.
    Dir::read_from(openat(
        directory,
        ".",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?)?
    .map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()))
    .collect()
}

fn open_directory(path: &Path) -> Result<OwnedFd, LogError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map_err(|error| LogError::io("open the directory", path, error))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::super::testing::{STRANGER, myself, of_stranger, stranger, temporary};
    use super::*;

    #[test]
    fn own_directory_is_made_with_those_above_it() {
        let (dir, _) = temporary();
        let logs = dir.path().join("a/b/alice");
        prepare_dir(&logs, &myself()).unwrap();
        assert_eq!(fs::metadata(&logs).unwrap().mode() & 0o7777, 0o750);
        fs::set_permissions(&logs, Permissions::from_mode(0o755)).unwrap();
        prepare_dir(&logs, &myself()).unwrap();
        assert_eq!(
            fs::metadata(&logs).unwrap().mode() & 0o7777,
            0o755,
            "one that exists is left as it is"
        );
    }

    #[test]
    fn directory_of_another_user_becomes_theirs() {
        if of_stranger("directory_of_another_user_becomes_theirs").is_none() {
            return;
        }
        let (dir, _) = temporary();
        let logs = dir.path().join("alice");
        prepare_dir(&logs, &stranger()).unwrap();
        let made = fs::metadata(&logs).unwrap();
        assert_eq!(
            (made.uid(), made.gid(), made.mode() & 0o7777),
            (STRANGER, STRANGER, 0o750)
        );
        prepare_dir(&logs, &stranger()).unwrap();
    }

    #[test]
    fn interrupted_making_is_finished_the_next_time() {
        let (dir, _) = temporary();
        let logs = dir.path().join("alice");
        fs::create_dir(&logs).unwrap();
        fs::set_permissions(&logs, Permissions::from_mode(0o000)).unwrap();
        let owner = if geteuid().is_root() { stranger() } else { myself() };
        prepare_dir(&logs, &owner).unwrap();
        let made = fs::metadata(&logs).unwrap();
        assert_eq!((made.uid(), made.mode() & 0o7777), (owner.uid, 0o750));
    }

    #[test]
    fn directory_of_somebody_else_is_not_handed_over() {
        if of_stranger("directory_of_somebody_else_is_not_handed_over").is_none() {
            return;
        }
        let (dir, _) = temporary();
        let logs = dir.path().join("alice");
        fs::create_dir(&logs).unwrap();
        let error = prepare_dir(&logs, &stranger()).unwrap_err();
        assert!(
            error.to_string().contains("belongs to user id 0, not to 54321"),
            "{error}"
        );
        assert_eq!(fs::metadata(&logs).unwrap().uid(), 0);
    }

    #[test]
    fn link_or_file_in_place_of_the_directory_is_refused() {
        let (dir, log) = temporary();
        fs::create_dir(dir.path().join("target")).unwrap();
        symlink(dir.path().join("target"), dir.path().join("link")).unwrap();
        File::create(&log).unwrap();
        for path in [dir.path().join("link"), log] {
            let error = prepare_dir(&path, &myself()).unwrap_err();
            assert_eq!(error.to_string(), format!("{} is not a directory", path.display()));
        }
    }

    #[test]
    fn log_goes_with_all_its_archives_and_nothing_else() {
        let (dir, log) = temporary();
        let kept = ["web.log.conf", "other.log", "web.log.1.log"];
        for name in [
            "web.log",
            "web.log.1",
            "web.log.1.gz",
            "web.log.2.xz",
            "web.log-20240101",
        ]
        .iter()
        .chain(&kept)
        {
            File::create(dir.path().join(name)).unwrap();
        }
        assert_eq!(remove_all(&log, &myself()).unwrap(), 5);
        let left: std::collections::BTreeSet<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left, kept.into_iter().map(str::to_owned).collect());
        assert_eq!(remove_all(&log, &myself()).unwrap(), 0);
        assert_eq!(remove_all(Path::new("/nonexistent/web.log"), &myself()).unwrap(), 0);
    }

    #[test]
    fn what_is_no_regular_file_stays() {
        let (dir, log) = temporary();
        let precious = dir.path().join("precious");
        fs::write(&precious, "text").unwrap();
        symlink(&precious, &log).unwrap();
        fs::create_dir(dir.path().join("web.log.1")).unwrap();
        assert_eq!(remove_all(&log, &myself()).unwrap(), 0);
        assert!(log.is_symlink());
        assert_eq!(fs::read_to_string(&precious).unwrap(), "text");
        assert_eq!(remove_all(Path::new("/dev/null"), &myself()).unwrap(), 0);
        assert!(Path::new("/dev/null").exists());
    }

    #[test]
    fn file_that_the_user_cannot_remove_stays_and_is_named() {
        let Some((dir, log)) = of_stranger("file_that_the_user_cannot_remove_stays_and_is_named") else {
            return;
        };
        File::create(&log).unwrap();
        File::create(dir.path().join("web.log.1")).unwrap();
        chown(dir.path(), Some(0), Some(0)).unwrap();
        let error = remove_all(&log, &stranger()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot remove {}: Permission denied", log.display())),
            "{error}"
        );
        assert!(log.exists());
        chown(dir.path(), Some(STRANGER), None).unwrap();
        assert_eq!(remove_all(&log, &stranger()).unwrap(), 2);
    }
}
