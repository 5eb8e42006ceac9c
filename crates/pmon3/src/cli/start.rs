//! Starts a daemon in the background, and knows when it is ready: it says so by the protocol of sd_notify(3), on a socket
//! that only we listen to. Nothing is polled; whichever comes first, its word or its end, wakes us.

use super::connect::{self, Nobody};
use super::failure::Failure;
use super::session::{Session, Surroundings};
use pmon3_api::client::Client;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::process::{Pid, PidfdFlags};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A daemon that has this much to do before it is ready is worth a person's attention.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the caller's own daemon, unless the configuration says not to.
///
/// # Errors
/// `pmond must be running` when it may not be started here; what it said when it could not start.
pub(super) async fn start(session: &mut Session, nobody: Nobody) -> Result<Client, Failure> {
    let places = match &nobody.places {
        Ok(places) if places.auto_start => places.clone(),
        _ => return Err(nobody.into_failure()),
    };
    // Of several callers that find no daemon, one starts it; the others wait here, and then find it.
    let _turn = take_turn(&places.socket)?;
    if let Ok(client) = connect::try_one(&session.around, &places.socket).await {
        return Ok(client);
    }
    let notices =
        Notices::open().map_err(|e| Failure::new(format!("cannot start pmond: no socket for its word: {e}")))?;
    let log = places.logs_dir.join("pmond.log");
    let mut child = spawn(&session.around, &notices, &log)?;
    wait_until_ready(&mut child, &notices, &log)?;
    session.printer.note(&format!(
        "started pmond in the background (pid {}); its log is {}",
        child.id(),
        log.display()
    ));
    Ok(connect::try_one(&session.around, &places.socket).await?)
}

fn take_turn(socket: &Path) -> Result<File, Failure> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".starting");
    let path = PathBuf::from(path);
    let taken = make_dir(path.parent(), 0o755)
        .and_then(|()| {
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
        })
        .and_then(|file| {
            rustix::fs::flock(&file, FlockOperation::LockExclusive)
                .map(|()| file)
                .map_err(Into::into)
        });
    taken.map_err(|e| {
        Failure::with_hint(
            format!("cannot start pmond: {}: {e}", path.display()),
            "its socket must be where you may write: set `socket` in the configuration or PMON3_SOCKET",
        )
    })
}

fn spawn(around: &Surroundings, notices: &Notices, log: &Path) -> Result<Child, Failure> {
    let cannot = |path: &Path, e: &io::Error| Failure::new(format!("cannot start pmond: {}: {e}", path.display()));
    make_dir(log.parent(), 0o755).map_err(|e| cannot(log, &e))?;
    let out = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(log)
        .map_err(|e| cannot(log, &e))?;
    let err = out.try_clone().map_err(|e| cannot(log, &e))?;
    let mut command = Command::new(&around.exe);
    // It shall not keep the caller's directory busy; so what is relative to that directory must not be any more.
    for name in ["PMON3_CONF", "PMON3_PROCESS_CONF", "PMON3_SOCKET"] {
        if let Some(path) = around.vars.get(name).filter(|path| !path.is_empty()) {
            command.env(
                name,
                std::path::absolute(path).map_err(|e| cannot(Path::new(path), &e))?,
            );
        }
    }
    command
        .args(["daemon", "--background"])
        .current_dir("/")
        .env("NOTIFY_SOCKET", &notices.name)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()
        .map_err(|e| cannot(&around.exe, &e))
}

/// Sleeps until the daemon says that it is ready, or ends, whichever comes first.
fn wait_until_ready(child: &mut Child, notices: &Notices, log: &Path) -> Result<(), Failure> {
    let pid = child.id();
    let log = format!("its log is {}", log.display());
    let unexpected = |e: io::Error| Failure::new(format!("cannot wait for pmond (pid {pid}) to be ready: {e}"));
    let end = pidfd(pid).map_err(unexpected)?;
    let deadline = Instant::now() + PATIENCE;
    let mut said = None;
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok();
        let mut fds = [
            PollFd::new(&notices.socket, PollFlags::IN),
            PollFd::new(&end, PollFlags::IN),
        ];
        match rustix::event::poll(&mut fds, left.as_ref()) {
            Ok(0) => {
                let text = format!(
                    "pmond was started (pid {pid}) but is not ready after {} s",
                    PATIENCE.as_secs()
                );
                return Err(Failure::with_hint(text, log));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(unexpected(e.into())),
        }
        let ended = !fds[1].revents().is_empty();
        // What it said before it ended is heard before its end.
        while let Some(notice) = notices.next().map_err(unexpected)? {
            for line in notice.lines() {
                match line.strip_prefix("STATUS=") {
                    Some(status) => said = Some(status.strip_prefix("error: ").unwrap_or(status).to_owned()),
                    None if line == "READY=1" => return Ok(()),
                    None => {}
                }
            }
        }
        if ended {
            let status = child.wait().map_err(unexpected)?;
            let said = said.unwrap_or_else(|| format!("it ended with {status}"));
            return Err(Failure::with_hint(format!("pmond could not start: {said}"), log));
        }
    }
}

/// Becomes readable when the process ends.
fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}

/// The receiving end of sd_notify(3): a datagram socket in the abstract namespace, so that nothing is left in the file
/// system, whatever becomes of us. Others can send to it; only what our own user sends is heard.
struct Notices {
    socket: OwnedFd,
    /// As it stands in `NOTIFY_SOCKET`.
    name: String,
}

impl Notices {
    fn open() -> io::Result<Notices> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        rustix::net::sockopt::set_socket_passcred(&socket, true)?;
        // Bound to no name, the kernel chooses one that is free.
        rustix::net::bind(&socket, &SocketAddrUnix::new_unnamed())?;
        let address = SocketAddrUnix::try_from(rustix::net::getsockname(&socket)?)?;
        let name = address.abstract_name().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let name = format!("@{}", String::from_utf8_lossy(name));
        Ok(Notices { socket, name })
    }

    /// The next message of our own user that is there.
    fn next(&self) -> io::Result<Option<String>> {
        loop {
            let mut bytes = [0; 4096];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1), ScmRights(4))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let mut pieces = [IoSliceMut::new(&mut bytes)];
            let count = match rustix::net::recvmsg(&self.socket, &mut pieces, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(message) => message.bytes,
                Err(Errno::AGAIN) => return Ok(None),
                Err(e) => return Err(e.into()),
            };
            let own = control.drain().any(|message| {
                matches!(message, RecvAncillaryMessage::ScmCredentials(sender) if sender.uid == rustix::process::geteuid())
            });
            if own {
                return Ok(bytes
                    .get(..count)
                    .map(|text| String::from_utf8_lossy(text).into_owned()));
            }
        }
    }
}

fn make_dir(dir: Option<&Path>, mode: u32) -> io::Result<()> {
    match dir {
        Some(dir) if !dir.as_os_str().is_empty() => DirBuilder::new().recursive(true).mode(mode).create(dir),
        _ => Ok(()),
    }
}
