//! Waiting for many things at once: `epoll(7)`, and the two kinds of descriptors that the event loop itself is woken by.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use libc::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::io::Errno;

/// How many ready descriptors one [`Poller::wait`] reports; the rest come with the next one.
const BATCH: usize = 64;

/// A set of descriptors to wait for, each with a token of the caller's choice. Level-triggered: a descriptor is
/// reported until it is read, taken out or closed.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    tokens: Vec<u64>,
}

impl Poller {
    /// An empty set. `epoll_create1(2)`
    pub fn new() -> io::Result<Poller> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Poller {
            epoll,
            events: Vec::with_capacity(BATCH),
            tokens: Vec::with_capacity(BATCH),
        })
    }

    /// Reports `token` whenever `fd` is readable, has an error or was hung up (a pidfd: when its process has ended).
    ///
    /// Take the descriptor out with [`Poller::remove`] before closing it if a duplicate of it lives on elsewhere.
    pub fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, fd, data, epoll::EventFlags::IN)?)
    }

    /// Takes a descriptor out. One that is not in the set (any more) is no error.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        match epoll::delete(&self.epoll, fd) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sleeps until something is ready, and says what: at most 64 tokens. None at all: the deadline has come, or a
    /// signal handler ran. Never returns before the deadline without a reason; without a deadline it waits for ever.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<&[u64]> {
        let timeout = deadline.map(|deadline| whole_milliseconds(deadline.saturating_duration_since(Instant::now())));
        self.events.clear();
        self.tokens.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.tokens.extend(self.events.iter().map(|event| event.data.u64()));
        Ok(&self.tokens)
    }
}

/// Rounded up: a wait that ends too early would make the loop spin for the last fraction of a millisecond.
fn whole_milliseconds(duration: Duration) -> Timespec {
    let longest = i64::from(i32::MAX);
    let milliseconds = i64::try_from(duration.as_nanos().div_ceil(1_000_000))
        .unwrap_or(longest)
        .min(longest);
    Timespec {
        tv_sec: milliseconds / 1000,
        tv_nsec: (milliseconds % 1000) * 1_000_000,
    }
}

/// Wakes a [`Poller`] from another thread: add it there, and [`drain`](Waker::drain) it before looking at what it
/// announces. Wakings add up to one. `eventfd(2)`
#[derive(Clone, Debug)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker that nobody has used yet.
    pub fn new() -> io::Result<Waker> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Waker(Arc::new(fd)))
    }

    /// Makes the waker readable. Never blocks.
    pub fn wake(&self) -> io::Result<()> {
        match retry(|| rustix::io::write(&*self.0, &1u64.to_ne_bytes())) {
            // Full: as awake as can be.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes back all wakings so far. Never blocks.
    pub fn drain(&self) -> io::Result<()> {
        let mut count = [0u8; 8];
        match retry(|| rustix::io::read(&*self.0, &mut count)) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn retry<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
}

/// A signal that was sent to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number, e.g. [`SIGTERM`].
    pub signal: i32,
    /// Who sent it (0: the kernel, or somebody outside of our pid namespace).
    pub pid: u32,
    /// The real user id of the sender.
    pub uid: u32,
}

/// Signals as something to read: `signalfd(2)`. Equal ones that are pending at the same time come as one.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Holds these signals back from now on, for the calling thread and all that it starts, to be read with
    /// [`next`](Signals::next). Call it before there are other threads: those would still be killed by them.
    ///
    /// Each one is also set to its default action: a signal that our parent told us to ignore (`nohup`, a shell's `&`)
    /// would never arrive, and an ignored SIGCHLD makes the kernel throw exit statuses away. Children begin with all this:
    /// whoever starts them gives them an empty mask.
    pub fn block(signals: &[i32]) -> io::Result<Signals> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `set` is writable memory for a signal set.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: `sigemptyset` has initialised it.
        let mut set = unsafe { set.assume_init() };
        for &signal in signals {
            // SAFETY: `set` is an initialised signal set.
            check(unsafe { libc::sigaddset(&mut set, signal) })?;
        }
        // SAFETY: `set` is an initialised signal set; the former mask is not asked for.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) } {
            0 => {}
            code => return Err(io::Error::from_raw_os_error(code)),
        }
        for &signal in signals {
            // SAFETY: the default action runs no code of ours.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(io::Error::last_os_error());
            }
        }
        // SAFETY: `set` is an initialised signal set; -1 asks for a new descriptor.
        let fd = check(unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: `fd` was opened just now, and nobody else has it.
        Ok(Signals(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal that has arrived; `None` when there is no other. Never blocks.
    // Not an iterator: `None` is not the end, and errors are no items.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&self) -> io::Result<Option<Received>> {
        let mut info = [0u8; size_of::<libc::signalfd_siginfo>()];
        match retry(|| rustix::io::read(&self.0, &mut info)) {
            Ok(n) if n == info.len() => {}
            Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        // SAFETY: the kernel has filled all of `info` with such a structure, in which every bit pattern is valid.
        let info: libc::signalfd_siginfo = unsafe { std::ptr::read_unaligned(info.as_ptr().cast()) };
        Ok(Some(Received {
            signal: info.ssi_signo.cast_signed(),
            pid: info.ssi_pid,
            uid: info.ssi_uid,
        }))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn check(status: libc::c_int) -> io::Result<libc::c_int> {
    if status < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(20))
    }

    #[test]
    fn waker_of_another_thread_ends_the_wait() {
        let mut poller = Poller::new().unwrap();
        let waker = Waker::new().unwrap();
        poller.add(&waker, 42).unwrap();
        let other = waker.clone();
        let thread = std::thread::spawn(move || other.wake().unwrap());
        assert_eq!(poller.wait(soon()).unwrap(), [42]);
        thread.join().unwrap();
    }

    #[test]
    fn wakings_add_up_to_one() {
        let mut poller = Poller::new().unwrap();
        let waker = Waker::new().unwrap();
        poller.add(&waker, 1).unwrap();
        waker.wake().unwrap();
        waker.wake().unwrap();
        assert_eq!(poller.wait(soon()).unwrap(), [1]);
        waker.drain().unwrap();
        assert_eq!(poller.wait(Some(Instant::now())).unwrap(), [0u64; 0]);
        waker.drain().unwrap();
    }

    #[test]
    fn deadline_ends_the_wait_and_never_early() {
        let mut poller = Poller::new().unwrap();
        let deadline = Instant::now() + Duration::from_micros(2_500);
        assert!(poller.wait(Some(deadline)).unwrap().is_empty());
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn fractions_of_a_millisecond_are_rounded_up() {
        let of = |nanos| whole_milliseconds(Duration::from_nanos(nanos));
        assert_eq!((of(0).tv_sec, of(0).tv_nsec), (0, 0));
        assert_eq!((of(1).tv_sec, of(1).tv_nsec), (0, 1_000_000));
        assert_eq!((of(1_999_000_001).tv_sec, of(1_999_000_001).tv_nsec), (2, 0));
        assert_eq!(whole_milliseconds(Duration::MAX).tv_sec, i64::from(i32::MAX) / 1000);
    }

    #[test]
    fn removed_descriptor_is_reported_no_more() {
        let mut poller = Poller::new().unwrap();
        let waker = Waker::new().unwrap();
        poller.add(&waker, 1).unwrap();
        waker.wake().unwrap();
        poller.remove(&waker).unwrap();
        poller.remove(&waker).unwrap();
        assert!(poller.wait(Some(Instant::now())).unwrap().is_empty());
    }

    #[test]
    fn more_than_a_batch_arrives_in_two() {
        let mut poller = Poller::new().unwrap();
        let wakers: Vec<Waker> = (0..BATCH + 6).map(|_| Waker::new().unwrap()).collect();
        for (token, waker) in (0u64..).zip(&wakers) {
            poller.add(waker, token).unwrap();
            waker.wake().unwrap();
        }
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < wakers.len() {
            let tokens = poller.wait(soon()).unwrap().to_vec();
            assert!(!tokens.is_empty() && tokens.len() <= BATCH);
            for token in tokens {
                wakers[usize::try_from(token).unwrap()].drain().unwrap();
                assert!(seen.insert(token));
            }
        }
    }

    #[test]
    fn signal_is_read_with_its_sender() {
        // A thread of its own keeps the mask away from the test harness; `raise` sends to the calling thread only.
        let thread = std::thread::spawn(|| {
            let signals = Signals::block(&[SIGUSR1, SIGUSR2]).unwrap();
            assert_eq!(signals.next().unwrap(), None);
            let mut poller = Poller::new().unwrap();
            poller.add(&signals, 9).unwrap();
            // SAFETY: the signal is blocked in this thread.
            assert_eq!(unsafe { libc::raise(SIGUSR2) }, 0);
            assert_eq!(poller.wait(soon()).unwrap(), [9]);
            let received = signals.next().unwrap().unwrap();
            assert_eq!((received.signal, received.pid), (SIGUSR2, std::process::id()));
            assert_eq!(signals.next().unwrap(), None);
        });
        thread.join().unwrap();
    }

    #[test]
    fn signal_that_cannot_be_held_back_is_an_error() {
        let result = std::thread::spawn(|| Signals::block(&[libc::SIGKILL]).map(drop))
            .join()
            .unwrap();
        assert!(result.is_err());
    }
}
