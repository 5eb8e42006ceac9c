//! Users and groups as the host's databases know them, and doing things with a user's rights.
//!
//! Names are looked up through the C library, so that whatever the host uses (files, LDAP, SSSD, systemd) answers. That
//! may take as long as a network does: never call these on the way from a death to a restart.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, Gid, capabilities, set_capabilities, set_thread_groups};

/// One entry of the user database, `passwd(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Home directory.
    pub home: String,
    /// Login shell.
    pub shell: String,
}

/// What a process needs to become a user: the ids of `credentials(7)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// All groups, as `getgrouplist(3)` gives them (the primary one is among them).
    pub groups: Vec<u32>,
}

/// The database could not answer. That a name is unknown is no error but `None`.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// A look-up failed: the database is unreachable or broken.
    #[error("cannot look up {what}: {source}")]
    Lookup {
        /// What was looked up, e.g. "user `web`".
        what: String,
        /// The C library's error.
        source: io::Error,
    },
    /// An entry has a field that is not UTF-8.
    #[error("the entry of {what} in the user database is not valid UTF-8")]
    NotUtf8 {
        /// What was looked up.
        what: String,
    },
}

/// The account of that name; `None` when there is none. `getpwnam_r(3)`
pub fn by_name(name: &str) -> Result<Option<Account>, UserError> {
    let Ok(key) = CString::new(name) else { return Ok(None) };
    look_up(
        || format!("user `{name}`"),
        // SAFETY: `key` is a C string, and `lookup` passes a record, a buffer of that length and a result to write to.
        |record, buffer, result| unsafe {
            libc::getpwnam_r(key.as_ptr(), record, buffer.as_mut_ptr().cast(), buffer.len(), result)
        },
        account,
    )
}

/// The account with that id; `None` when there is none. `getpwuid_r(3)`
pub fn by_uid(uid: u32) -> Result<Option<Account>, UserError> {
    look_up(
        || format!("user id {uid}"),
        // SAFETY: `lookup` passes a record, a buffer of that length and a result to write to.
        |record, buffer, result| unsafe {
            libc::getpwuid_r(uid, record, buffer.as_mut_ptr().cast(), buffer.len(), result)
        },
        account,
    )
}

/// The id of the group of that name; `None` when there is none. `getgrnam_r(3)`
pub fn group_id(name: &str) -> Result<Option<u32>, UserError> {
    let Ok(key) = CString::new(name) else { return Ok(None) };
    look_up(
        || format!("group `{name}`"),
        // SAFETY: `key` is a C string, and `lookup` passes a record, a buffer of that length and a result to write to.
        |record, buffer, result| unsafe {
            libc::getgrnam_r(key.as_ptr(), record, buffer.as_mut_ptr().cast(), buffer.len(), result)
        },
        |group: &libc::group| Some(group.gr_gid),
    )
}

/// The name of the group with that id; `None` when there is none. `getgrgid_r(3)`
pub fn group_name(gid: u32) -> Result<Option<String>, UserError> {
    look_up(
        || format!("group id {gid}"),
        // SAFETY: `lookup` passes a record, a buffer of that length and a result to write to.
        |record, buffer, result| unsafe {
            libc::getgrgid_r(gid, record, buffer.as_mut_ptr().cast(), buffer.len(), result)
        },
        |group: &libc::group| text(group.gr_name),
    )
}

/// The ids that a process of this account has, its supplementary groups included. `getgrouplist(3)`
pub fn credentials(account: &Account) -> Result<Credentials, UserError> {
    let failed = |source| UserError::Lookup {
        what: format!("the groups of user `{}`", account.name),
        source,
    };
    let name = CString::new(account.name.as_str()).map_err(|e| failed(e.into()))?;
    let mut groups: Vec<libc::gid_t> = vec![0; 32];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).unwrap_or(libc::c_int::MAX);
        // SAFETY: `name` is a C string, and `groups` has room for `count` ids.
        let status = unsafe { libc::getgrouplist(name.as_ptr(), account.gid, groups.as_mut_ptr(), &mut count) };
        let wanted = usize::try_from(count).unwrap_or(0);
        if status >= 0 {
            groups.truncate(wanted);
            return Ok(Credentials {
                uid: account.uid,
                gid: account.gid,
                groups,
            });
        }
        // The kernel takes at most 65,536 (NGROUPS_MAX): beyond that the answer cannot be right.
        if groups.len() > 65_536 {
            return Err(failed(io::Error::from_raw_os_error(libc::EINVAL)));
        }
        groups.resize(wanted.max(groups.len() * 2), 0);
    }
}

/// Runs `f` with the file rights of a user, and with none of ours.
///
/// As root this happens on a thread of its own: only that thread gets the file system ids and groups of the user, and loses
/// every capability; it ends after `f`, so nothing has to be given back. The user id itself stays root's, else the user
/// could signal this process by way of that thread (`setfsuid(2)`). When we are that user already, `f` is simply called.
///
/// # Errors
/// When the rights could not be changed, `f` was not called. `PermissionDenied` when we are neither root nor that user.
pub fn as_user<T: Send>(credentials: &Credentials, f: impl FnOnce() -> T + Send) -> io::Result<T> {
    let own = geteuid();
    if own.as_raw() == credentials.uid {
        return Ok(f());
    }
    if !own.is_root() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("as-user".to_owned())
            .spawn_scoped(scope, || assume_file_rights(credentials).map(|()| f()))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Gives the calling thread the file rights of a user. There is no way back: end the thread.
fn assume_file_rights(credentials: &Credentials) -> io::Result<()> {
    let groups: Vec<Gid> = credentials.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
    set_thread_groups(&groups)?;
    set_fs_id(SYS_SETFSGID, credentials.gid)?;
    set_fs_id(SYS_SETFSUID, credentials.uid)?;
    // Leaving fsuid 0 has taken the capabilities that concern files (capabilities(7)), unless securebits say otherwise;
    // CAP_SYS_PTRACE would still open other people's /proc/PID/fd, CAP_SYS_RESOURCE the reserved blocks of a full disk.
    let mut sets = capabilities(None)?;
    sets.effective = CapabilitySet::empty();
    set_capabilities(None, sets)?;
    Ok(())
}

// The system calls themselves: they concern the calling thread only. The plain numbers take 16-bit ids on old 32-bit machines.
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const SYS_SETFSUID: libc::c_long = libc::SYS_setfsuid32;
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
const SYS_SETFSGID: libc::c_long = libc::SYS_setfsgid32;
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
const SYS_SETFSUID: libc::c_long = libc::SYS_setfsuid;
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
const SYS_SETFSGID: libc::c_long = libc::SYS_setfsgid;

/// `setfsuid` and `setfsgid` report no errors: they answer with the former id. So set it, and look.
fn set_fs_id(call: libc::c_long, id: u32) -> io::Result<()> {
    // SAFETY: the call takes an integer and touches no memory.
    unsafe { libc::syscall(call, id) };
    // SAFETY: as above; -1 is never a valid id, so this changes nothing.
    let now = unsafe { libc::syscall(call, u32::MAX) };
    if now == libc::c_long::from(id) {
        Ok(())
    } else {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Calls one of the `get…_r` functions with a buffer that grows until the entry fits, and converts the entry.
fn look_up<Record, Value>(
    what: impl Fn() -> String,
    call: impl Fn(*mut Record, &mut [u8], *mut *mut Record) -> libc::c_int,
    convert: impl Fn(&Record) -> Option<Value>,
) -> Result<Option<Value>, UserError> {
    // Entries are short, except for groups with thousands of members.
    const LONGEST: usize = 64 << 20;
    let mut buffer = vec![0u8; 1024];
    loop {
        let mut record = MaybeUninit::<Record>::uninit();
        let mut result: *mut Record = ptr::null_mut();
        match call(record.as_mut_ptr(), &mut buffer, &mut result) {
            0 => {
                // SAFETY: the function set `result` to null or to the record that it has filled in.
                let Some(found) = (unsafe { result.as_ref() }) else {
                    return Ok(None);
                };
                return convert(found)
                    .map(Some)
                    .ok_or_else(|| UserError::NotUtf8 { what: what() });
            }
            libc::EINTR => {}
            libc::ERANGE if buffer.len() < LONGEST => buffer.resize(buffer.len() * 4, 0),
            // getpwnam(3): what some implementations say of an unknown name.
            libc::ENOENT | libc::ESRCH => return Ok(None),
            code => {
                return Err(UserError::Lookup {
                    what: what(),
                    source: io::Error::from_raw_os_error(code),
                });
            }
        }
    }
}

fn account(entry: &libc::passwd) -> Option<Account> {
    Some(Account {
        name: text(entry.pw_name)?,
        uid: entry.pw_uid,
        gid: entry.pw_gid,
        home: text(entry.pw_dir)?,
        shell: text(entry.pw_shell)?,
    })
}

/// A field of an entry. Null (some modules leave fields out) is the empty string; `None` if it is not UTF-8.
fn text(field: *const libc::c_char) -> Option<String> {
    if field.is_null() {
        return Some(String::new());
    }
    // SAFETY: not null, so a C string within the buffer of the look-up, which the caller still holds.
    let field = unsafe { CStr::from_ptr(field) };
    field.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

    use super::*;

    const STRANGER: u32 = 54_321;

    fn stranger() -> Credentials {
        Credentials {
            uid: STRANGER,
            gid: STRANGER,
            groups: vec![STRANGER],
        }
    }

    /// True in tests that can run; says so when one cannot.
    fn are_root(test: &str) -> bool {
        let root = geteuid().is_root();
        if !root {
            eprintln!("skipped, needs root: {test}");
        }
        root
    }

    /// A directory that everybody may enter whatever the umask.
    fn open_dir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        dir
    }

    #[test]
    fn root_is_found_by_name_and_by_id() {
        let root = by_name("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(by_uid(0).unwrap(), Some(root));
        assert_eq!(group_id("root").unwrap(), Some(0));
        assert_eq!(group_name(0).unwrap(), Some("root".to_owned()));
    }

    #[test]
    fn unknown_names_are_no_errors() {
        assert_eq!(by_name("no-such-user-here").unwrap(), None);
        assert_eq!(by_name("").unwrap(), None);
        assert_eq!(by_name("ro\0ot").unwrap(), None);
        assert_eq!(by_uid(3_999_999_999).unwrap(), None);
        assert_eq!(group_id("no-such-group-here").unwrap(), None);
        assert_eq!(group_name(3_999_999_999).unwrap(), None);
    }

    #[test]
    fn credentials_contain_the_primary_group() {
        let root = by_name("root").unwrap().unwrap();
        let credentials = credentials(&root).unwrap();
        assert_eq!((credentials.uid, credentials.gid), (0, 0));
        assert!(credentials.groups.contains(&0));
    }

    #[test]
    fn buffer_grows_until_the_entry_fits() {
        let tries = std::cell::Cell::new(0);
        let found = look_up(
            || "a long entry".to_owned(),
            |record: *mut u32, buffer, result| {
                tries.set(tries.get() + 1);
                if buffer.len() < 100_000 {
                    return libc::ERANGE;
                }
                // SAFETY: both point to variables of `look_up`.
                unsafe { *record = 7 };
                // SAFETY: as above.
                unsafe { *result = record };
                0
            },
            |&n| Some(n),
        );
        assert_eq!(found.unwrap(), Some(7));
        assert!(tries.get() > 2);
    }

    #[test]
    fn broken_database_is_an_error_that_names_what_was_looked_up() {
        let found: Result<Option<u32>, _> =
            look_up(|| "user `web`".to_owned(), |_: *mut u32, _, _| libc::EIO, |&n| Some(n));
        let text = found.unwrap_err().to_string();
        assert!(text.starts_with("cannot look up user `web`: "), "{text}");
    }

    #[test]
    fn own_rights_need_no_thread() {
        let own = Credentials {
            uid: geteuid().as_raw(),
            gid: 0,
            groups: vec![],
        };
        let here = std::thread::current().id();
        assert_eq!(as_user(&own, || std::thread::current().id()).unwrap(), here);
    }

    #[test]
    fn ordinary_user_cannot_act_as_another() {
        if geteuid().is_root() {
            return eprintln!("skipped, needs an ordinary user: ordinary_user_cannot_act_as_another");
        }
        let another = Credentials {
            uid: geteuid().as_raw() + 1,
            ..stranger()
        };
        let error = as_user(&another, || ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn private_file_of_another_user_stays_closed() {
        if !are_root("private_file_of_another_user_stays_closed") {
            return;
        }
        let dir = open_dir();
        let file = dir.path().join("private");
        fs::write(&file, "secret").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(STRANGER + 1), Some(STRANGER + 1)).unwrap();
        let error = as_user(&stranger(), || fs::read(&file)).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);

        chown(&file, Some(STRANGER), None).unwrap();
        assert_eq!(as_user(&stranger(), || fs::read(&file)).unwrap().unwrap(), b"secret");
    }

    #[test]
    fn directory_that_the_user_cannot_search_stays_closed() {
        if !are_root("directory_that_the_user_cannot_search_stays_closed") {
            return;
        }
        let dir = open_dir();
        let closed = dir.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::write(closed.join("public"), "text").unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        let error = as_user(&stranger(), || fs::read(closed.join("public")))
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let error = as_user(&stranger(), || fs::remove_file(closed.join("public")))
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn symlink_to_a_file_of_root_opens_nothing() {
        if !are_root("symlink_to_a_file_of_root_opens_nothing") {
            return;
        }
        let secret = tempfile::tempdir().unwrap();
        fs::set_permissions(secret.path(), Permissions::from_mode(0o700)).unwrap();
        fs::write(secret.path().join("file"), "secret").unwrap();
        let dir = open_dir();
        let link = dir.path().join("link");
        symlink(secret.path().join("file"), &link).unwrap();
        for path in [link.as_path(), "/etc/shadow".as_ref()] {
            let error = as_user(&stranger(), || fs::read(path)).unwrap().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{}", path.display());
        }
    }

    #[test]
    fn new_files_belong_to_the_user_and_groups_open_what_they_should() {
        if !are_root("new_files_belong_to_the_user_and_groups_open_what_they_should") {
            return;
        }
        let dir = open_dir();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o770)).unwrap();
        chown(dir.path(), None, Some(STRANGER + 7)).unwrap();
        let file = dir.path().join("new");
        assert!(as_user(&stranger(), || File::create(&file)).unwrap().is_err());

        let member = Credentials {
            groups: vec![STRANGER, STRANGER + 7],
            ..stranger()
        };
        as_user(&member, || File::create(&file)).unwrap().unwrap();
        let made = fs::metadata(&file).unwrap();
        assert_eq!((made.uid(), made.gid()), (STRANGER, STRANGER));
    }

    #[test]
    fn rights_of_the_other_threads_stay_as_they_were() {
        if !are_root("rights_of_the_other_threads_stay_as_they_were") {
            return;
        }
        let user = as_user(&stranger(), || {
            std::thread::scope(|scope| scope.spawn(|| capabilities(None).unwrap().effective).join().unwrap())
        });
        assert_eq!(
            user.unwrap(),
            CapabilitySet::empty(),
            "threads that f starts have no more rights than f"
        );
        assert!(!capabilities(None).unwrap().effective.is_empty());
        assert!(fs::metadata("/etc/shadow").is_ok() && File::open("/etc/shadow").is_ok());
    }

    #[test]
    fn panic_reaches_the_caller() {
        if !are_root("panic_reaches_the_caller") {
            return;
        }
        let result = std::panic::catch_unwind(|| as_user(&stranger(), || panic!("on purpose")));
        assert!(result.is_err());
    }
}
