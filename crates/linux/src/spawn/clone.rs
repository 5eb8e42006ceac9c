//! Making a process that borrows our memory until it executes, and waiting for that; but not for ever.
//!
//! vfork(2), and CLONE_VFORK, suspend the caller until the child executes, whatever holds up the child: the log on a file
//! system that its user has mounted and does not serve, a hanging network disk, a SIGSTOP from a user who is quick, a
//! frozen cgroup. With CLONE_CHILD_CLEARTID instead, the kernel clears a word of memory at the very point where vfork
//! would return, and wakes whoever waits there (set_tid_address(2), futex(2)): the same speed, and one can give up.

use super::child::{self, Plan};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::futex;
use rustix::time::Timespec;
use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a child stands on until it executes: so much above a page that may not be touched.
const STACK_BYTES: usize = 64 * 1024;
/// The first bytes of a file that could not be executed, which say by whom it would have been.
pub(super) const HEAD_BYTES: usize = 1024;
/// How long a child may take to execute. A disk that has to spin up first is within it; what takes longer holds up
/// everything else that the daemon has to do.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a killed child may take to end.
const DYING: Duration = Duration::from_secs(1);

/// Where the child writes down how far it came. It lies at the upper end of the stack, so that both can be left to a
/// child that does not even die.
#[repr(C)]
pub(super) struct Report {
    /// 1 as long as the child uses our memory; the kernel sets it to 0.
    running: AtomicU32,
    /// The [`Step`](super::Step) that it is at.
    pub(super) step: AtomicU32,
    /// Why that failed; 0: it did not.
    pub(super) errno: AtomicI32,
    /// See [`File`](super::error::File).
    pub(super) mode: AtomicU32,
    pub(super) head_length: AtomicU32,
    pub(super) head: [AtomicU8; HEAD_BYTES],
}

/// The stack of one child at a time.
pub(super) struct Stack {
    base: *mut c_void,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is used only while a spawn has `&mut Spawner`.
unsafe impl Send for Stack {}

impl Stack {
    pub(super) fn new() -> io::Result<Stack> {
        let page = rustix::param::page_size();
        let bytes = STACK_BYTES + page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK | libc::MAP_NORESERVE;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches nothing that exists.
        let base = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let stack = Stack { base, bytes };
        // SAFETY: the lowest page of our own mapping; nothing lies there yet.
        if unsafe { libc::mprotect(base, page, libc::PROT_NONE) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(stack)
    }

    /// How many bytes from the base the child's stack begins: below the report, aligned as all ABIs want it.
    fn top(&self) -> usize {
        (self.bytes - size_of::<Report>()) & !63
    }

    pub(super) fn report(&self) -> &Report {
        let report = self.base.wrapping_byte_add(self.top()).cast::<Report>();
        // SAFETY: within our mapping, which lives as long as `self`; aligned; all zeroes, and whatever else is stored
        // there through these atomics, is a valid Report.
        unsafe { &*report }
    }

    /// Leaves the memory to a child that could not be ended: it may be written to whenever the kernel lets go of it.
    pub(super) fn abandon(self) {
        std::mem::forget(self);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and no child stands on it: each has let go of it, or it was abandoned.
        unsafe { libc::munmap(self.base, self.bytes) };
    }
}

/// How a child stands when the wait for it is over.
pub(super) enum Outcome {
    /// It executes, or it has ended: it is not in our memory any more.
    Gone,
    /// It had to be killed because it took too long.
    Killed,
    /// It did not even end then. It is still in our memory, but will never again run a single instruction.
    Stuck,
}

/// Waits until the child executes or has ended.
pub(super) fn wait(stack: &Stack, pid: u32, patience: Duration) -> Outcome {
    let running = &stack.report().running;
    if is_cleared_within(running, patience) {
        return Outcome::Gone;
    }
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // A child that nobody has waited for: the number is its own.
        let _ = kill_process(pid, Signal::KILL);
    }
    if is_cleared_within(running, DYING) {
        Outcome::Killed
    } else {
        Outcome::Stuck
    }
}

fn is_cleared_within(word: &AtomicU32, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    while word.load(Ordering::Acquire) != 0 {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let timeout = Timespec {
            tv_sec: left.as_secs().cast_signed(),
            tv_nsec: left.subsec_nanos().into(),
        };
        // Without FUTEX_PRIVATE_FLAG: the kernel wakes without it. Whatever this says, the word tells.
        let _ = futex::wait(word, futex::Flags::empty(), 1, Some(&timeout));
    }
    true
}

/// `struct clone_args` of clone3(2).
#[repr(C, align(8))]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes the child, which begins with [`child::run`] and this plan. It is to be waited for with [`wait`] before the plan,
/// and what it points to, may change or go.
pub(super) fn start(
    stack: &Stack,
    has_clone3: &mut bool,
    plan: &mut Plan<'_>,
    leaf: Option<BorrowedFd<'_>>,
) -> io::Result<u32> {
    let report = stack.report();
    report.running.store(1, Ordering::Relaxed);
    report.step.store(super::Step::Clone as u32, Ordering::Relaxed);
    report.errno.store(0, Ordering::Relaxed);
    report.mode.store(0, Ordering::Relaxed);
    report.head_length.store(0, Ordering::Relaxed);
    // Until it executes, the child must not run any code of ours for a signal.
    let _blocked = AllSignalsBlocked::new()?;
    if *has_clone3 {
        match clone3(stack, plan, leaf) {
            // Not there, one of the flags is not there, or not permitted (seccomp(2)).
            Err(error)
                if matches!(
                    error.raw_os_error(),
                    Some(libc::ENOSYS | libc::EINVAL | libc::E2BIG | libc::EPERM)
                ) =>
            {
                *has_clone3 = false;
            }
            result => return result,
        }
    }
    clone(stack, plan, leaf)
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn clone3(stack: &Stack, plan: &Plan<'_>, leaf: Option<BorrowedFd<'_>>) -> io::Result<u32> {
    let mut args = CloneArgs {
        flags: (libc::CLONE_VM | libc::CLONE_CHILD_CLEARTID) as u64 | CLONE_CLEAR_SIGHAND,
        child_tid: (&raw const stack.report().running) as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.base as u64,
        stack_size: stack.top() as u64,
        ..CloneArgs::default()
    };
    if let Some(leaf) = leaf {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = leaf.as_raw_fd() as u64;
    }
    let plan: *const c_void = ptr::from_ref(plan).cast();
    let result: isize;
    // SAFETY: the child gets a stack of its own (CLONE_VM with a stack pointer), 16-byte aligned as the ABI wants, calls
    // `child::run` and never returns into this code: `run` is `-> !`, and a trap stands behind the call. It shares our
    // memory and the thread-local storage of this thread, which makes system calls that do not touch either until the
    // child has let go of it. In the parent this is an ordinary system call, with the registers that the kernel destroys
    // declared.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, {plan}",
            "call {run}",
            "ud2",
            "2:",
            plan = in(reg) plan,
            run = in(reg) child::run as extern "C" fn(*const c_void) -> !,
            inlateout("rax") libc::SYS_clone3 as isize => result,
            in("rdi") &raw mut args,
            in("rsi") size_of::<CloneArgs>(),
            out("rcx") _,
            out("r11") _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x30, xzr",
            "mov x0, {plan}",
            "blr {run}",
            "brk #1",
            "2:",
            plan = in(reg) plan,
            run = in(reg) child::run as extern "C" fn(*const c_void) -> !,
            inlateout("x0") &raw mut args => result,
            in("x1") size_of::<CloneArgs>(),
            in("x8") libc::SYS_clone3,
        );
    }
    if result < 0 {
        return Err(io::Error::from_raw_os_error(-result as i32));
    }
    Ok(result as u32)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn clone3(_stack: &Stack, _plan: &Plan<'_>, _leaf: Option<BorrowedFd<'_>>) -> io::Result<u32> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// The same by clone(2), for kernels and sandboxes without clone3: the child enters its cgroup and resets its signals by
/// itself.
fn clone(stack: &Stack, plan: &mut Plan<'_>, leaf: Option<BorrowedFd<'_>>) -> io::Result<u32> {
    extern "C" fn entry(plan: *mut c_void) -> c_int {
        child::run(plan)
    }
    let procs = leaf.map(open_procs).transpose()?;
    plan.join = procs.as_ref().map(AsRawFd::as_raw_fd);
    plan.has_our_handlers = true;
    let top = stack.base.wrapping_byte_add(stack.top());
    let flags = libc::CLONE_VM | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
    let plan: *const c_void = ptr::from_ref(plan).cast();
    let running: *const AtomicU32 = &raw const stack.report().running;
    let none: *mut c_void = ptr::null_mut();
    // SAFETY: as for clone3: the child has a stack of its own, and `entry` does not return. The last three arguments are
    // those that belong to the flags: no parent_tid, no tls, and child_tid.
    let pid = unsafe { libc::clone(entry, top, flags, plan.cast_mut(), none, none, running) };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    // The child has a table of descriptors of its own, with a copy of this one.
    drop(procs);
    Ok(pid as u32)
}

fn open_procs(leaf: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::openat(
        leaf,
        c"cgroup.procs",
        flags,
        rustix::fs::Mode::empty(),
    )?)
}

/// While this lives, no signal reaches this thread.
struct AllSignalsBlocked(libc::sigset_t);

impl AllSignalsBlocked {
    fn new() -> io::Result<AllSignalsBlocked> {
        // SAFETY: all zeroes is a valid sigset_t.
        let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let mut before: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: writes to a set of our own.
        unsafe { libc::sigfillset(&raw mut all) };
        // SAFETY: both sets are our own.
        match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) } {
            0 => Ok(AllSignalsBlocked(before)),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

impl Drop for AllSignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set is one that the kernel gave us.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_is_aligned_and_has_room_below_the_report() {
        let stack = Stack::new().unwrap();
        let top = stack.base as usize + stack.top();
        assert_eq!(top % 64, 0);
        assert!(stack.top() > STACK_BYTES / 2);
        assert!(top + size_of::<Report>() <= stack.base as usize + stack.bytes);
        assert_eq!(stack.report().errno.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_word_that_nobody_clears_is_waited_for_until_patience_ends() {
        let word = AtomicU32::new(1);
        let begin = Instant::now();
        assert!(!is_cleared_within(&word, Duration::from_millis(20)));
        assert!(begin.elapsed() >= Duration::from_millis(20));
        word.store(0, Ordering::Release);
        assert!(is_cleared_within(&word, Duration::ZERO));
    }
}
