//! Starting a program: clone3(2) with the semantics of vfork(2), straight into its cgroup, as its user.
//!
//! The child borrows our memory until it executes, so nothing is copied and nothing need be sent back through a pipe:
//! what went wrong is simply written down where we look. In between it makes system calls and nothing else: no
//! allocation, no lock, no return.

use crate::limits::Inherited;
use crate::tree::Place;
use crate::user::Credentials;
use crate::{identity, reap};
use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::ptr;

/// A program and all that it gets.
#[derive(Clone, Debug)]
pub struct Program {
    /// Absolute path.
    pub file: OsString,
    /// What it sees as argv\[0\].
    pub argv0: OsString,
    /// The arguments after that.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub cwd: OsString,
    /// The file that its stdout and stderr are appended to, opened with its user's rights.
    pub log: OsString,
    /// Whom it becomes; `None`: it stays who we are.
    pub credentials: Option<Credentials>,
    /// Its umask(2), if it is not ours.
    pub umask: Option<u32>,
    /// Whether it and its children can never gain rights by execve (PR_SET_NO_NEW_PRIVS(2const)).
    pub no_new_privs: bool,
    /// What we changed for ourselves and it gets back.
    pub inherited: Inherited,
}

/// A program that runs.
#[derive(Clone, Debug)]
pub struct Child {
    /// The kernel's number; ours to wait for.
    pub pid: u32,
    /// See [`identity`].
    pub identity: String,
}

/// The steps on the way to a running program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// A text with a NUL byte.
    Prepare,
    /// Making its cgroup.
    Place,
    /// clone3(2).
    Clone,
    /// setsid(2).
    Session,
    /// Entering its cgroup.
    Cgroup,
    /// Giving back resource limits.
    Limits,
    /// Becoming its user.
    User,
    /// Entering its working directory.
    Cwd,
    /// Opening its log.
    Log,
    /// Setting up stdin, stdout and stderr.
    Descriptors,
    /// execve(2).
    Exec,
}

/// A program that could not be started: which step failed, on what, and why.
#[derive(Debug)]
pub struct SpawnError {
    /// Which step.
    pub step: Step,
    /// The file or directory that it was about, where there is one.
    pub path: Option<PathBuf>,
    /// What the kernel said.
    pub source: io::Error,
    /// The missing interpreter of a script.
    interpreter: Option<PathBuf>,
}

impl SpawnError {
    fn new(step: Step, source: io::Error) -> SpawnError {
        SpawnError {
            step,
            path: None,
            source,
            interpreter: None,
        }
    }

    /// There was no place for it: see [`Trees::place`](crate::tree::Trees::place).
    #[must_use]
    pub fn no_place(source: io::Error) -> SpawnError {
        SpawnError::new(Step::Place, source)
    }

    /// Whether another try may succeed without anyone's help: no room for processes, memory or descriptors.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.source.raw_os_error(),
            Some(
                libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ENOSPC | libc::EINTR | libc::ETXTBSY
            )
        )
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self
            .path
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let why = match self.source.raw_os_error() {
            Some(libc::ENOENT) => "it does not exist".to_owned(),
            Some(libc::EACCES) => "permission denied".to_owned(),
            Some(libc::ENOTDIR) => "a part of the path is not a directory".to_owned(),
            _ => self.source.to_string(),
        };
        match (self.step, self.source.raw_os_error()) {
            (Step::Exec, Some(libc::ENOENT)) if self.interpreter.is_some() => {
                let interpreter = self
                    .interpreter
                    .as_ref()
                    .map(|path| path.display().to_string())
                    .unwrap_or_default();
                write!(f, "cannot execute {path}: its interpreter {interpreter} does not exist")
            }
            (Step::Exec, Some(libc::EACCES)) if self.path.as_ref().is_some_and(|path| path.is_dir()) => {
                write!(f, "cannot execute {path}: it is a directory")
            }
            (Step::Exec, Some(libc::EACCES)) => {
                write!(
                    f,
                    "cannot execute {path}: permission denied; is it executable for its user (chmod +x)?"
                )
            }
            (Step::Exec, Some(libc::ENOEXEC)) => {
                write!(
                    f,
                    "cannot execute {path}: wrong format; it is neither a program for this machine nor a script with #!"
                )
            }
            (Step::Exec, _) => write!(f, "cannot execute {path}: {why}"),
            (Step::Cwd, _) => write!(f, "cannot enter the working directory {path}: {why}"),
            (Step::Log, _) => write!(f, "cannot open the log {path}: {why}"),
            (Step::User, _) => write!(f, "cannot become its user: {why}"),
            (Step::Prepare, _) => write!(f, "cannot prepare the program: {why}"),
            (Step::Place | Step::Cgroup, _) => write!(f, "cannot put it into its cgroup: {why}"),
            (Step::Clone, _) => write!(f, "cannot make a process: {why}"),
            (Step::Session, _) => write!(f, "cannot make a session: {why}"),
            (Step::Limits, _) => write!(f, "cannot give it its limits: {why}"),
            (Step::Descriptors, _) => write!(f, "cannot set up its descriptors: {why}"),
        }
    }
}

impl std::error::Error for SpawnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// What a child stands on until it executes: 64 KiB above a page that may not be touched.
const STACK_BYTES: usize = 64 * 1024;

/// Starts programs, one after the other.
pub struct Spawner {
    stack: Stack,
    /// Signals that we ignore and a program must not (sigaction(2): `SIG_IGN` survives execve).
    ignored: Vec<c_int>,
    /// Whether clone3 is there and permitted; where it is not, clone(2) is.
    has_clone3: bool,
}

/// Everything that the child needs, in a form that needs no further work.
struct Plan<'a> {
    file: &'a CStr,
    argv: *const *const c_char,
    envp: *const *const c_char,
    cwd: &'a CStr,
    log: &'a CStr,
    credentials: Option<&'a Credentials>,
    umask: Option<u32>,
    no_new_privs: bool,
    oom_score_adj: Option<&'a [u8]>,
    nofile: Option<libc::rlimit>,
    ignored: &'a [c_int],
    /// `cgroup.procs`, where the kernel did not put the child into its cgroup by itself.
    join: RawFd,
    failure: Failure,
}

#[derive(Clone, Copy)]
struct Failure {
    step: Step,
    errno: c_int,
}

impl Spawner {
    /// Makes the stack and looks at our signals.
    pub fn new() -> io::Result<Spawner> {
        Ok(Spawner {
            stack: Stack::new()?,
            ignored: ignored_signals(),
            has_clone3: cfg!(any(target_arch = "x86_64", target_arch = "aarch64")),
        })
    }

    /// Starts a program. When this returns, it executes; or it does not exist.
    pub fn spawn(&mut self, program: &Program, place: &Place) -> Result<Child, SpawnError> {
        let prepare = |error: std::ffi::NulError| SpawnError::new(Step::Prepare, error.into());
        let text = |text: &OsString| CString::new(text.as_bytes()).map_err(prepare);
        let file = text(&program.file)?;
        let cwd = text(&program.cwd)?;
        let log = text(&program.log)?;
        let mut argv = vec![text(&program.argv0)?];
        for arg in &program.args {
            argv.push(text(arg)?);
        }
        let mut envp = Vec::with_capacity(program.env.len());
        for (name, value) in &program.env {
            let mut pair = name.as_bytes().to_vec();
            pair.push(b'=');
            pair.extend_from_slice(value.as_bytes());
            envp.push(CString::new(pair).map_err(prepare)?);
        }
        let pointers = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
        };
        let (argv_pointers, envp_pointers) = (pointers(&argv), pointers(&envp));
        let oom_score_adj = program.inherited.oom_score_adj.map(|value| value.to_string());
        let mut plan = Plan {
            file: &file,
            argv: argv_pointers.as_ptr(),
            envp: envp_pointers.as_ptr(),
            cwd: &cwd,
            log: &log,
            credentials: program.credentials.as_ref(),
            umask: program.umask,
            no_new_privs: program.no_new_privs,
            oom_score_adj: oom_score_adj.as_ref().map(String::as_bytes),
            nofile: program.inherited.nofile.map(|(soft, hard)| libc::rlimit {
                rlim_cur: soft,
                rlim_max: hard,
            }),
            ignored: &self.ignored,
            join: -1,
            failure: Failure {
                step: Step::Clone,
                errno: 0,
            },
        };
        let pid = clone_and_exec(&self.stack, &mut self.has_clone3, &mut plan, place)
            .map_err(|error| SpawnError::new(Step::Clone, error))?;
        let Failure { step, errno } = plan.failure;
        if errno != 0 {
            // It has ended already, and is nobody's child but ours: nobody else shall see it.
            reap::wait_for(pid);
            return Err(self.explain(program, step, errno));
        }
        // It is our child and not waited for: the number is still its own, whatever has become of it since.
        let identity = identity::of(pid).unwrap_or_default();
        Ok(Child { pid, identity })
    }

    fn explain(&self, program: &Program, step: Step, errno: c_int) -> SpawnError {
        let mut error = SpawnError::new(step, io::Error::from_raw_os_error(errno));
        let path = match step {
            Step::Exec => Some(&program.file),
            Step::Cwd => Some(&program.cwd),
            Step::Log => Some(&program.log),
            _ => None,
        };
        error.path = path.map(PathBuf::from);
        if step == Step::Exec && errno == libc::ENOENT {
            error.interpreter = interpreter(&program.file);
        }
        error
    }
}

/// Whether a child can be put into this cgroup: one goes in, and ends there because there is nothing to execute.
pub(crate) fn probe(leaf: OwnedFd) -> io::Result<()> {
    let program = Program {
        file: "/".into(),
        argv0: "/".into(),
        args: Vec::new(),
        env: Vec::new(),
        cwd: "/".into(),
        log: "/dev/null".into(),
        credentials: None,
        umask: None,
        no_new_privs: false,
        inherited: Inherited::default(),
    };
    match Spawner::new()?.spawn(&program, &Place::in_leaf(leaf)) {
        // A directory cannot be executed: it was ended before it came to that.
        Ok(child) => {
            reap::wait_for(child.pid);
            Err(io::Error::other("whatever is started there is killed"))
        }
        Err(error) if error.step == Step::Exec => Ok(()),
        Err(error) => Err(error.source),
    }
}

/// The interpreter that a script names on its first line (execve(2), "Interpreter scripts").
fn interpreter(file: &OsString) -> Option<PathBuf> {
    use io::Read;
    let mut head = [0; 256];
    let read = fs::File::open(file).ok()?.read(&mut head).ok()?;
    let line = head[..read].strip_prefix(b"#!")?;
    let line = line.split(|byte| *byte == b'\n').next()?;
    let word = line
        .split(|byte| byte.is_ascii_whitespace())
        .find(|word| !word.is_empty())?;
    Some(PathBuf::from(OsString::from_vec(word.to_vec())))
}

fn ignored_signals() -> Vec<c_int> {
    (1..=libc::SIGRTMAX())
        .filter(|signal| {
            // SAFETY: all zeroes is a valid sigaction, which is only written to.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            // SAFETY: a null pointer asks for the present action and changes nothing.
            let result = unsafe { libc::sigaction(*signal, ptr::null(), &raw mut action) };
            result == 0 && action.sa_sigaction == libc::SIG_IGN
        })
        .collect()
}

// ---- the stack ----

struct Stack {
    base: *mut c_void,
    bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is used only while a spawn has `&mut Spawner`.
unsafe impl Send for Stack {}

impl Stack {
    fn new() -> io::Result<Stack> {
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
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and no child stands on it: each clone returned only after its child let go of it.
        unsafe { libc::munmap(self.base, self.bytes) };
    }
}

// ---- the clone ----

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

const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Makes the child and waits until it executes or has ended; `plan.failure` then says which.
fn clone_and_exec(stack: &Stack, has_clone3: &mut bool, plan: &mut Plan<'_>, place: &Place) -> io::Result<u32> {
    // Until it executes, the child must not run any code of ours for a signal.
    let blocked = AllSignalsBlocked::new()?;
    let pid = if *has_clone3 {
        match clone3(stack, plan, place) {
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                *has_clone3 = false;
                clone(stack, plan, place)
            }
            result => result,
        }
    } else {
        clone(stack, plan, place)
    };
    drop(blocked);
    pid
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn clone3(stack: &Stack, plan: &mut Plan<'_>, place: &Place) -> io::Result<u32> {
    let mut args = CloneArgs {
        flags: (libc::CLONE_VM | libc::CLONE_VFORK) as u64,
        exit_signal: libc::SIGCHLD as u64,
        stack: stack.base as u64,
        stack_size: stack.bytes as u64,
        ..CloneArgs::default()
    };
    if let Some(leaf) = place.leaf() {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = leaf.as_raw_fd() as u64;
    }
    let plan: *mut c_void = ptr::from_mut(plan).cast();
    let result: isize;
    // SAFETY: clone3 with CLONE_VFORK: we are suspended until the child executes or ends, so that it alone uses our
    // memory meanwhile. It gets a stack of its own (CLONE_VM with a stack pointer), 16-byte aligned as the ABI wants,
    // calls `child` and never returns into this code: `child` is `-> !`, and a trap stands behind the call. In the
    // parent this is an ordinary system call, with the registers that the kernel destroys declared.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, {plan}",
            "call {child}",
            "ud2",
            "2:",
            plan = in(reg) plan,
            child = in(reg) child as extern "C" fn(*mut c_void) -> !,
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
            "blr {child}",
            "brk #1",
            "2:",
            plan = in(reg) plan,
            child = in(reg) child as extern "C" fn(*mut c_void) -> !,
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
fn clone3(_stack: &Stack, _plan: &mut Plan<'_>, _place: &Place) -> io::Result<u32> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// The same by clone(2), for kernels and sandboxes without clone3: the child enters its cgroup by itself.
fn clone(stack: &Stack, plan: &mut Plan<'_>, place: &Place) -> io::Result<u32> {
    extern "C" fn entry(plan: *mut c_void) -> c_int {
        child(plan)
    }
    let procs = match place.leaf() {
        Some(leaf) => {
            let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CLOEXEC;
            Some(rustix::fs::openat(
                leaf,
                c"cgroup.procs",
                flags,
                rustix::fs::Mode::empty(),
            )?)
        }
        None => None,
    };
    plan.join = procs.as_ref().map_or(-1, AsRawFd::as_raw_fd);
    let top = stack.base.wrapping_byte_add(stack.bytes);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let plan: *mut c_void = ptr::from_mut(plan).cast();
    // SAFETY: as for clone3: the child has a stack of its own, we are suspended until it executes or ends, and `entry`
    // does not return.
    let pid = unsafe { libc::clone(entry, top, flags, plan) };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(pid as u32)
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

// ---- the child ----

/// Everything from here on runs in the child, in our memory: system calls only.
extern "C" fn child(plan: *mut c_void) -> ! {
    // SAFETY: the pointer that `clone3` and `clone` were given: a Plan that outlives the child, whose owner is suspended.
    let plan = unsafe { &mut *plan.cast::<Plan<'_>>() };
    let step = match become_program(plan) {
        Ok(never) => match never {},
        Err(step) => step,
    };
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    plan.failure = Failure { step, errno };
    // SAFETY: ends this process without running anything that belongs to the parent.
    unsafe { libc::_exit(127) }
}

enum Never {}

fn become_program(plan: &Plan<'_>) -> Result<Never, Step> {
    // SAFETY: no memory is involved.
    let result = unsafe { libc::syscall(libc::SYS_setsid) };
    check(result, Step::Session)?;
    if plan.join >= 0 {
        // SAFETY: writes one byte of static memory: "0" is the writer itself (cgroups(7)).
        let result = unsafe { libc::write(plan.join, c"0".as_ptr().cast(), 1) };
        check(result as i64, Step::Cgroup)?;
    }
    if let Some(limit) = &plan.nofile {
        let none = ptr::null_mut::<libc::rlimit>();
        // SAFETY: pid 0 is ourselves; the limit is read from the plan.
        let result = unsafe { libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, ptr::from_ref(limit), none) };
        check(result, Step::Limits)?;
    }
    if let Some(value) = plan.oom_score_adj {
        set_oom_score_adj(value);
    }
    if let Some(mask) = plan.umask {
        // SAFETY: no memory is involved. It cannot fail.
        unsafe { libc::umask(mask as libc::mode_t) };
    }
    if let Some(credentials) = plan.credentials {
        become_user(credentials)?;
    }
    // SAFETY: a NUL-terminated text of the plan.
    let result = unsafe { libc::chdir(plan.cwd.as_ptr()) };
    check(result.into(), Step::Cwd)?;
    open_descriptors(plan.log)?;
    if plan.no_new_privs {
        // SAFETY: no memory is involved.
        let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        check(result.into(), Step::Limits)?;
    }
    default_signals(plan.ignored);
    // SAFETY: texts and null-terminated arrays of the plan.
    unsafe { libc::execve(plan.file.as_ptr(), plan.argv, plan.envp) };
    Err(Step::Exec)
}

fn check(result: i64, step: Step) -> Result<i64, Step> {
    if result < 0 { Err(step) } else { Ok(result) }
}

/// The score is a wish: where the kernel refuses it, the program runs all the same.
fn set_oom_score_adj(value: &[u8]) {
    // SAFETY: a static text.
    let fd = unsafe { libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if fd >= 0 {
        // SAFETY: the slice is the plan's.
        unsafe { libc::write(fd, value.as_ptr().cast(), value.len()) };
        // SAFETY: just opened, and nobody else's: the child has a table of descriptors of its own.
        unsafe { libc::close(fd) };
    }
}

/// By system calls, not by the C library's functions: those would change all threads of the parent (nptl(7)).
fn become_user(credentials: &Credentials) -> Result<(), Step> {
    let Credentials { uid, gid, groups } = credentials;
    // SAFETY: the slice is the plan's.
    let result = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    check(result, Step::User)?;
    // SAFETY: no memory is involved.
    let result = unsafe { libc::syscall(libc::SYS_setresgid, *gid, *gid, *gid) };
    check(result, Step::User)?;
    // SAFETY: no memory is involved.
    let result = unsafe { libc::syscall(libc::SYS_setresuid, *uid, *uid, *uid) };
    check(result, Step::User)?;
    Ok(())
}

fn open_descriptors(log: &CStr) -> Result<(), Step> {
    // A named pipe without a reader must fail, not hold up the daemon.
    let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: a text of the plan.
    let result = unsafe { libc::open(log.as_ptr(), flags, 0o640) };
    let log = check(result.into(), Step::Log)? as c_int;
    // SAFETY: a descriptor of our own. Programs expect a stdout that waits.
    let result = unsafe { libc::fcntl(log, libc::F_SETFL, libc::O_APPEND) };
    check(result.into(), Step::Log)?;
    // SAFETY: a static text.
    let result = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    let null = check(result.into(), Step::Descriptors)?;
    for (from, to) in [(null as c_int, 0), (log, 1), (log, 2)] {
        // SAFETY: descriptors of our own.
        let result = unsafe { libc::dup2(from, to) };
        check(result.into(), Step::Descriptors)?;
    }
    // Ours are all close-on-exec already; this also catches what some library or our own parent left open.
    // SAFETY: no memory is involved. A kernel without it (before 5.11) has no more to offer.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Ok(())
}

fn default_signals(ignored: &[c_int]) {
    // SAFETY: all zeroes is SIG_DFL without flags, and an empty set.
    let default: libc::sigaction = unsafe { std::mem::zeroed() };
    for signal in ignored {
        // SAFETY: changes the child's own table (no CLONE_SIGHAND).
        unsafe { libc::sigaction(*signal, &raw const default, ptr::null_mut()) };
    }
    // SAFETY: all zeroes is the empty set.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is our own.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut()) };
}
