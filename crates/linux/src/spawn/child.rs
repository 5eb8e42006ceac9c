//! What the child does before it becomes the program: system calls and nothing else. No allocation, no lock, no panic, no
//! return; whatever another thread of the parent was in the middle of when the child was made stays that way.

use super::Step;
pub(super) use super::clone::HEAD_BYTES;
use super::clone::Report;
use crate::user::Credentials;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};

/// Bytes for a pid in decimal and the zero behind it.
pub(super) const PID_BYTES: usize = 11;

/// Everything that the child needs, in a form that needs no further work.
pub(super) struct Plan<'a> {
    pub(super) report: &'a Report,
    pub(super) file: &'a CStr,
    /// Texts, and a null pointer after the last.
    pub(super) argv: *const *const c_char,
    pub(super) envp: *const *const c_char,
    pub(super) cwd: &'a CStr,
    pub(super) log: &'a CStr,
    pub(super) credentials: Option<&'a Credentials>,
    pub(super) log_mode: u32,
    pub(super) umask: Option<u32>,
    pub(super) no_new_privs: bool,
    pub(super) nofile: Option<libc::rlimit>,
    /// Signals that we ignore and a program must not.
    pub(super) ignored: &'a [c_int],
    /// Where the pid belongs in the environment: [`PID_BYTES`] zeroes, or nothing.
    pub(super) own_pid: &'a [AtomicU8],
    /// `cgroup.procs`, where the kernel did not put the child into its cgroup by itself.
    pub(super) join: Option<RawFd>,
    /// The kernel did not reset the signals by itself.
    pub(super) has_our_handlers: bool,
}

/// Everything from here on runs in the child, in our memory.
pub(super) extern "C" fn run(plan: *const c_void) -> ! {
    // SAFETY: the pointer that the clone was given: a Plan that is left alone until the child is gone from our memory.
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    become_program(plan);
    // SAFETY: ends this process without running anything that belongs to the parent.
    unsafe { libc::_exit(127) }
}

/// Returns only if something went wrong, with that in the report.
fn become_program(plan: &Plan<'_>) {
    let report = plan.report;
    let mut step = Step::Session;
    let result = prepare(plan, &mut step);
    if result.is_ok() {
        // SAFETY: texts and null-terminated arrays of the plan.
        unsafe { libc::execve(plan.file.as_ptr(), plan.argv, plan.envp) };
    }
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    if step == Step::Exec && matches!(errno, libc::ENOENT | libc::EACCES) {
        look_at(plan.file, report);
    }
    report.errno.store(errno, Ordering::Release);
}

/// `errno` says why it failed.
struct Failed;

fn check(result: i64) -> Result<i64, Failed> {
    if result < 0 { Err(Failed) } else { Ok(result) }
}

fn write_own_pid(place: &[AtomicU8]) {
    // SAFETY: no memory is involved. Asked of the kernel: what the library may remember is the parent's.
    let pid = unsafe { libc::syscall(libc::SYS_getpid) } as u64;
    let length = pid.checked_ilog10().map_or(1, |digits| digits + 1);
    let digits = (0..length).rev().map(|place| pid / 10_u64.pow(place) % 10);
    for (byte, digit) in place.iter().zip(digits) {
        byte.store(b'0' + digit as u8, Ordering::Relaxed);
    }
}

fn prepare(plan: &Plan<'_>, step: &mut Step) -> Result<(), Failed> {
    // Also in the report from the beginning: should it take too long, that is where.
    let mut at = |now: Step| {
        *step = now;
        plan.report.step.store(now as u32, Ordering::Relaxed);
    };
    write_own_pid(plan.own_pid);
    at(Step::Session);
    // SAFETY: no memory is involved.
    check(unsafe { libc::syscall(libc::SYS_setsid) })?;
    if let Some(procs) = plan.join {
        at(Step::Cgroup);
        // SAFETY: writes one byte of static memory: "0" is the writer itself (cgroups(7)).
        check(unsafe { libc::write(procs, c"0".as_ptr().cast(), 1) } as i64)?;
    }
    at(Step::Limits);
    if let Some(limit) = &plan.nofile {
        let none = ptr::null_mut::<libc::rlimit>();
        // SAFETY: pid 0 is ourselves; the limit is read from the plan.
        check(unsafe { libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, ptr::from_ref(limit), none) })?;
    }
    if let Some(mask) = plan.umask {
        // SAFETY: no memory is involved. It cannot fail.
        unsafe { libc::umask(mask as libc::mode_t) };
    }
    if let Some(credentials) = plan.credentials {
        at(Step::User);
        become_user(credentials)?;
    }
    at(Step::Cwd);
    // SAFETY: a text of the plan.
    check(unsafe { libc::chdir(plan.cwd.as_ptr()) }.into())?;
    at(Step::Log);
    let log = open_log(plan.log, plan.log_mode)?;
    at(Step::Descriptors);
    set_descriptors(log)?;
    at(Step::Limits);
    if plan.no_new_privs {
        // SAFETY: no memory is involved.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.into())?;
    }
    at(Step::Exec);
    reset_signals(plan);
    Ok(())
}

/// By system calls, not by the C library's functions: those would change all threads of the parent (nptl(7)).
///
/// From here on the user may signal this process, but neither trace it nor write to its memory, which is the daemon's: the
/// kernel closes the memory of whoever changes ids (PR_SET_DUMPABLE(2const)). The daemon must not open it again.
fn become_user(credentials: &Credentials) -> Result<(), Failed> {
    let Credentials { uid, gid, groups } = credentials;
    // SAFETY: the slice is the plan's.
    check(unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) })?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::syscall(libc::SYS_setresgid, *gid, *gid, *gid) })?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::syscall(libc::SYS_setresuid, *uid, *uid, *uid) })?;
    Ok(())
}

fn open_log(log: &CStr, mode: u32) -> Result<c_int, Failed> {
    // A named pipe without a reader must fail, not wait for one.
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: a text of the plan.
    let log = check(unsafe { libc::open(log.as_ptr(), flags, mode) }.into())? as c_int;
    // SAFETY: a descriptor of our own. Programs expect a stdout that waits.
    check(unsafe { libc::fcntl(log, libc::F_SETFL, libc::O_APPEND) }.into())?;
    Ok(log)
}

fn set_descriptors(log: c_int) -> Result<(), Failed> {
    // SAFETY: a static text.
    let null = check(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) }.into())?;
    for (from, to) in [(null as c_int, 0), (log, 1), (log, 2)] {
        // SAFETY: descriptors of our own.
        check(unsafe { libc::dup2(from, to) }.into())?;
    }
    // Ours are all close-on-exec already; this also catches what some library or our own parent left open.
    // SAFETY: no memory is involved. A kernel without it (before 5.11) has no more to offer.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Ok(())
}

fn reset_signals(plan: &Plan<'_>) {
    if plan.has_our_handlers {
        // Before any signal is let through: a handler would run here, on the parent's memory.
        for signal in 1..=LAST_SIGNAL {
            set_default(signal);
        }
    }
    for signal in plan.ignored {
        set_default(*signal);
    }
    // SAFETY: all zeroes is the empty set.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is our own.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
}

/// The highest number of a signal (signal(7)).
pub(super) const LAST_SIGNAL: c_int = 64;

/// Enough for the kernel's `struct sigaction` on any machine. The first word is the handler, and all zeroes is the default.
type Action = [usize; 8];

/// The number of bytes of the kernel's `sigset_t`.
const SIGNAL_SET_BYTES: usize = 8;

/// By system call: the C library keeps two signals for itself, and touches them for nobody. SIGKILL and SIGSTOP refuse.
fn set_default(signal: c_int) {
    let default: Action = [0; 8];
    let none = ptr::null_mut::<Action>();
    // SAFETY: changes the child's own table (no CLONE_SIGHAND).
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &raw const default,
            none,
            SIGNAL_SET_BYTES,
        )
    };
}

/// Whether we ignore a signal.
pub(super) fn is_ignored(signal: c_int) -> bool {
    let mut action: Action = [0; 8];
    let unchanged = ptr::null::<Action>();
    // SAFETY: writes no more than there is room for.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            unchanged,
            &raw mut action,
            SIGNAL_SET_BYTES,
        )
    };
    result == 0 && action[0] == libc::SIG_IGN
}

/// Notes what a file is that could not be executed. Here, because whoever may not see it must not learn what is in it, and
/// a file system that does not answer must not hold up the parent.
fn look_at(file: &CStr, report: &Report) {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a text of the plan, and a buffer of the right size.
    if unsafe { libc::stat(file.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: stat has filled it in.
    let mode = unsafe { stat.assume_init_ref() }.st_mode;
    report.mode.store(mode, Ordering::Relaxed);
    let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: a text of the plan.
    let fd = unsafe { libc::open(file.as_ptr(), flags) };
    if mode & libc::S_IFMT != libc::S_IFREG || fd < 0 {
        return;
    }
    let mut head = [0_u8; HEAD_BYTES];
    // SAFETY: a buffer of that size.
    let length = unsafe { libc::read(fd, head.as_mut_ptr().cast(), HEAD_BYTES) };
    for (to, from) in report.head.iter().zip(head) {
        to.store(from, Ordering::Relaxed);
    }
    report
        .head_length
        .store(u32::try_from(length).unwrap_or(0), Ordering::Relaxed);
}
