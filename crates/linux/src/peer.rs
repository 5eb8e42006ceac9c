//! Who is on the other end of a Unix socket, according to the kernel.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};

/// The process that connected, as it was at that moment: `SO_PEERCRED` and `SO_PEERGROUPS`, `unix(7)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process id; 0 when it lives outside of our pid namespace.
    pub pid: u32,
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
}

/// Asks the kernel about the peer of a connected stream socket.
pub fn of(socket: impl AsFd) -> io::Result<Peer> {
    // Not rustix's `socket_peercred`: its pid cannot be 0, which the kernel says of peers in other pid namespaces.
    let mut credentials = MaybeUninit::<libc::ucred>::zeroed();
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    get_option(&socket, libc::SO_PEERCRED, credentials.as_mut_ptr().cast(), &mut length)?;
    // SAFETY: three integers: zeroes are a valid value, and so is all that the kernel has written over them.
    let credentials = unsafe { credentials.assume_init() };
    Ok(Peer {
        pid: u32::try_from(credentials.pid).unwrap_or(0),
        uid: credentials.uid,
        gid: credentials.gid,
        groups: groups(&socket)?,
    })
}

fn groups(socket: impl AsFd) -> io::Result<Vec<u32>> {
    let mut groups = vec![0u32; 32];
    loop {
        let mut length = (groups.len() * size_of::<u32>()) as libc::socklen_t;
        let result = get_option(&socket, libc::SO_PEERGROUPS, groups.as_mut_ptr().cast(), &mut length);
        let count = length as usize / size_of::<u32>();
        match result {
            Ok(()) => {
                groups.truncate(count);
                return Ok(groups);
            }
            // Too many for the buffer: `length` says how much room they need, and they cannot change any more.
            Err(error) if error.raw_os_error() == Some(libc::ERANGE) && count > groups.len() => groups.resize(count, 0),
            Err(error) => return Err(error),
        }
    }
}

/// `getsockopt(2)` at socket level. `value` must be writable for `length` bytes.
fn get_option(
    socket: impl AsFd,
    option: libc::c_int,
    value: *mut libc::c_void,
    length: &mut libc::socklen_t,
) -> io::Result<()> {
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: both callers pass a buffer and its size in bytes.
    let status = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, value, length) };
    if status < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use rustix::process::{getegid, geteuid, getgroups};
    use rustix::thread::{Gid, set_thread_groups};

    use super::*;

    fn own_groups() -> Vec<u32> {
        let mut groups: Vec<u32> = getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
        groups.sort_unstable();
        groups
    }

    #[test]
    fn peer_of_our_own_connection_is_us() {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("s")).unwrap();
        let _client = UnixStream::connect(dir.path().join("s")).unwrap();
        let (server, _) = listener.accept().unwrap();
        let mut peer = of(&server).unwrap();
        peer.groups.sort_unstable();
        let us = Peer {
            pid: std::process::id(),
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            groups: own_groups(),
        };
        assert_eq!(peer, us);
    }

    #[test]
    fn peer_with_hundreds_of_groups_is_known_with_all_of_them() {
        if !geteuid().is_root() {
            return eprintln!("skipped, needs root: peer_with_hundreds_of_groups_is_known_with_all_of_them");
        }
        let expected: Vec<u32> = (70_000..70_500).collect();
        let groups: Vec<Gid> = expected.iter().map(|&gid| Gid::from_raw(gid)).collect();
        // The groups are of one thread: it ends with them.
        let pair = std::thread::spawn(move || {
            set_thread_groups(&groups).unwrap();
            UnixStream::pair().unwrap()
        });
        let (one, _other) = pair.join().unwrap();
        assert_eq!(of(&one).unwrap().groups, expected);
    }

    #[test]
    fn descriptor_that_is_no_socket_is_an_error() {
        assert!(of(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
