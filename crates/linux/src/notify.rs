//! Telling whoever started us how we are: the protocol of `sd_notify(3)`.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// One thing to tell.
#[derive(Clone, Copy, Debug)]
pub enum State<'a> {
    /// Started up, or reloaded.
    Ready,
    /// Going to end.
    Stopping,
    /// Reading the configuration again; [`State::Ready`] follows.
    Reloading,
    /// One line about what is going on, for people.
    Status(&'a str),
    /// Why it did not work, as an errno.
    Errno(i32),
    /// The pid of the daemon, where it is not the process that was started.
    MainPid(u32),
}

/// Sends states to one receiver, or nowhere when nobody listens.
#[derive(Debug)]
pub struct Notifier(Option<(UnixDatagram, SocketAddr)>);

impl Notifier {
    /// A notifier for the value of `NOTIFY_SOCKET`: a path, or `@` and an abstract name. `None` or an empty one: every
    /// message goes nowhere. The variable itself is the caller's to remove.
    pub fn new(address: Option<&OsStr>) -> io::Result<Notifier> {
        let Some(address) = address.filter(|address| !address.is_empty()) else {
            return Ok(Notifier(None));
        };
        let address = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            _ => {
                return Err(io::Error::new(
                    io::ErrorKind::Unsupported,
                    "NOTIFY_SOCKET is neither a path nor abstract",
                ));
            }
        };
        let socket = UnixDatagram::unbound()?;
        // A receiver that reads nothing must not hold us up for ever.
        socket.set_write_timeout(Some(Duration::from_secs(5)))?;
        Ok(Notifier(Some((socket, address))))
    }

    /// Sends all of these in one message.
    ///
    /// # Errors
    /// When the receiver is gone or takes nothing. Nothing depends on it: log it and go on.
    pub fn send(&self, states: &[State<'_>]) -> io::Result<()> {
        let Some((socket, address)) = &self.0 else {
            return Ok(());
        };
        socket.send_to_addr(message(states).as_bytes(), address).map(drop)
    }
}

fn message(states: &[State<'_>]) -> String {
    let mut text = String::new();
    for state in states {
        // Writing to a string cannot fail.
        let _ = match state {
            State::Ready => writeln!(text, "READY=1"),
            State::Stopping => writeln!(text, "STOPPING=1"),
            // Tells a reload that begins after a request apart from one that was under way.
            State::Reloading => writeln!(text, "RELOADING=1\nMONOTONIC_USEC={}", monotonic_microseconds()),
            State::Status(line) => writeln!(text, "STATUS={}", line.replace(['\n', '\r'], " ")),
            State::Errno(number) => writeln!(text, "ERRNO={number}"),
            State::MainPid(pid) => writeln!(text, "MAINPID={pid}"),
        };
    }
    text
}

fn monotonic_microseconds() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> String {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut buffer = [0; 4096];
        let n = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..n].to_vec()).unwrap()
    }

    #[test]
    fn states_arrive_at_a_path_in_one_message() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::new(Some(path.as_os_str())).unwrap();
        notifier
            .send(&[State::Ready, State::MainPid(7), State::Status("all well\nREADY=0")])
            .unwrap();
        assert_eq!(receive(&receiver), "READY=1\nMAINPID=7\nSTATUS=all well READY=0\n");
    }

    #[test]
    fn abstract_address_is_understood() {
        let name = format!("pmon3-test-notify-{}", std::process::id());
        let receiver = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let notifier = Notifier::new(Some(OsStr::new(&format!("@{name}")))).unwrap();
        notifier.send(&[State::Stopping, State::Errno(98)]).unwrap();
        assert_eq!(receive(&receiver), "STOPPING=1\nERRNO=98\n");
    }

    #[test]
    fn reload_carries_the_monotonic_time() {
        let before = monotonic_microseconds();
        let text = message(&[State::Reloading]);
        let time: i64 = text
            .trim_end()
            .strip_prefix("RELOADING=1\nMONOTONIC_USEC=")
            .unwrap()
            .parse()
            .unwrap();
        assert!(before <= time && time <= monotonic_microseconds());
    }

    #[test]
    fn without_a_receiver_nothing_happens() {
        Notifier::new(None).unwrap().send(&[State::Ready]).unwrap();
        Notifier::new(Some(OsStr::new("")))
            .unwrap()
            .send(&[State::Ready])
            .unwrap();
    }

    #[test]
    fn receiver_that_is_gone_or_impossible_is_an_error() {
        let gone = Notifier::new(Some(OsStr::new("/nonexistent/notify"))).unwrap();
        assert_eq!(gone.send(&[State::Ready]).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(
            Notifier::new(Some(OsStr::new("vsock:2:1"))).unwrap_err().kind(),
            io::ErrorKind::Unsupported
        );
    }
}
