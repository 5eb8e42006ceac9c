//! Starting a program: clone3(2) with the speed of vfork(2), straight into its cgroup, as its user.
//!
//! The child borrows our memory until it executes, so nothing is copied and nothing need be sent back through a pipe:
//! what went wrong is simply written down where we look.

mod child;
mod clone;
mod error;

pub use error::{SpawnError, Step};

use crate::limits::Inherited;
use crate::tree::{MARK, Place};
use crate::user::Credentials;
use crate::{identity, proc, reap};
use child::Plan;
use clone::{Outcome, PATIENCE, Stack};
use error::File;
use std::ffi::{CString, OsString, c_char, c_int};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A program and all that it gets.
#[derive(Clone, Debug)]
pub struct Program {
    /// Absolute path.
    pub file: OsString,
    /// What it sees as argv\[0\].
    pub argv0: OsString,
    /// The arguments after that.
    pub args: Vec<OsString>,
    /// Its whole environment, but for the mark.
    pub env: Vec<(OsString, OsString)>,
    /// By which it and its descendants are known: [`MARK`] gets this value, with a dot and its own pid behind it. By that
    /// pid it is told from those that inherit the mark.
    pub mark: Option<String>,
    /// Its working directory.
    pub cwd: OsString,
    /// The file that its stdout and stderr are appended to, opened with its user's rights.
    pub log: OsString,
    /// Whom it becomes; `None`: it stays who we are.
    pub credentials: Option<Credentials>,
    /// The permission bits of its log, less the umask, where it has to be made.
    pub log_mode: u32,
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

/// Starts programs, one after the other.
pub struct Spawner {
    /// `None`: the last one was left to a child that could not be ended.
    stack: Option<Stack>,
    /// Signals that we ignore and a program must not (sigaction(2): `SIG_IGN` survives execve).
    ignored: Vec<c_int>,
    /// Whether clone3 is there and permitted; where it is not, clone(2) is.
    has_clone3: bool,
    patience: Duration,
}

impl Spawner {
    /// Makes the stack and looks at our signals: what is ignored later on, programs will ignore too.
    pub fn new() -> io::Result<Spawner> {
        Ok(Spawner {
            stack: Some(Stack::new()?),
            ignored: (1..=child::LAST_SIGNAL)
                .filter(|signal| child::is_ignored(*signal))
                .collect(),
            has_clone3: cfg!(any(target_arch = "x86_64", target_arch = "aarch64")),
            patience: PATIENCE,
        })
    }

    /// Starts a program. When this returns, it executes; or it does not exist.
    ///
    /// A program whose files do not answer within five seconds is given up, with `ETIMEDOUT`.
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
            let mut pair = Vec::with_capacity(name.len() + value.len() + 2);
            pair.extend_from_slice(name.as_bytes());
            pair.push(b'=');
            pair.extend_from_slice(value.as_bytes());
            envp.push(CString::new(pair).map_err(prepare)?);
        }
        let mut mark: Vec<AtomicU8> = Vec::new();
        let mut own_pid = 0;
        if let Some(value) = &program.mark {
            let before = text(&format!("{MARK}={value}.").into())?.into_bytes();
            own_pid = before.len();
            mark.extend(before.into_iter().map(AtomicU8::new));
            mark.extend(std::iter::repeat_with(AtomicU8::default).take(child::PID_BYTES));
        }
        let pointers = |texts: &[CString], more: Option<*const c_char>| -> Vec<*const c_char> {
            let texts = texts.iter().map(|text| text.as_ptr());
            texts.chain(more).chain([ptr::null()]).collect()
        };
        let marked = (!mark.is_empty()).then_some(mark.as_ptr().cast());
        let (argv_pointers, envp_pointers) = (pointers(&argv, None), pointers(&envp, marked));
        let stack = match self.stack.take() {
            Some(stack) => stack,
            None => Stack::new().map_err(|error| SpawnError::new(Step::Clone, error))?,
        };
        let mut plan = Plan {
            report: stack.report(),
            file: &file,
            argv: argv_pointers.as_ptr(),
            envp: envp_pointers.as_ptr(),
            cwd: &cwd,
            log: &log,
            credentials: program.credentials.as_ref(),
            log_mode: program.log_mode,
            umask: program.umask,
            no_new_privs: program.no_new_privs,
            nofile: program.inherited.nofile.map(|(soft, hard)| libc::rlimit {
                rlim_cur: soft,
                rlim_max: hard,
            }),
            ignored: &self.ignored,
            own_pid: &mark[own_pid..],
            join: None,
            has_our_handlers: false,
        };
        let started = clone::start(&stack, &mut self.has_clone3, &mut plan, place.leaf());
        let pid = match started {
            Ok(pid) => pid,
            Err(error) => {
                self.stack = Some(stack);
                return Err(clone_failed(error));
            }
        };
        let outcome = clone::wait(&stack, pid, self.patience);
        let result = self.came_to(program, pid, &stack, &outcome);
        match outcome {
            Outcome::Gone | Outcome::Killed => self.stack = Some(stack),
            Outcome::Stuck => stack.abandon(),
        }
        result
    }

    fn came_to(&self, program: &Program, pid: u32, stack: &Stack, outcome: &Outcome) -> Result<Child, SpawnError> {
        let report = stack.report();
        let errno = match outcome {
            Outcome::Gone => report.errno.load(Ordering::Acquire),
            Outcome::Killed | Outcome::Stuck => libc::ETIMEDOUT,
        };
        if errno != 0 {
            // It has ended, and is nobody's child but ours: nobody else shall see it. (If it has not even ended, somebody will.)
            if !matches!(outcome, Outcome::Stuck) {
                reap::wait_for(pid);
            }
            return Err(failed(program, stack, errno));
        }
        if let Some(score) = program.inherited.oom_score_adj {
            give_back_oom_score_adj(pid, score);
        }
        // It is our child and not waited for: the number is still its own, whatever has become of it since.
        let identity = identity::of(pid).unwrap_or_default();
        Ok(Child { pid, identity })
    }
}

fn clone_failed(error: io::Error) -> SpawnError {
    // What clone3 says of the cgroup that it was to put the child into (clone(2), cgroups(7)).
    let about_cgroup = [
        libc::EACCES,
        libc::EBUSY,
        libc::EOPNOTSUPP,
        libc::ENODEV,
        libc::EBADF,
        libc::ENOENT,
    ];
    let step = match error.raw_os_error() {
        Some(errno) if about_cgroup.contains(&errno) => Step::Cgroup,
        _ => Step::Clone,
    };
    SpawnError::new(step, error)
}

fn failed(program: &Program, stack: &Stack, errno: c_int) -> SpawnError {
    let report = stack.report();
    let step = Step::from_number(report.step.load(Ordering::Relaxed));
    let path = match step {
        Step::Exec => Some(&program.file),
        Step::Cwd => Some(&program.cwd),
        Step::Log => Some(&program.log),
        _ => None,
    };
    let length = report.head_length.load(Ordering::Relaxed) as usize;
    let file = File {
        mode: report.mode.load(Ordering::Relaxed),
        head: report
            .head
            .iter()
            .take(length)
            .map(|byte| byte.load(Ordering::Relaxed))
            .collect(),
    };
    let uid = program.credentials.as_ref().map(|credentials| credentials.uid);
    SpawnError::new(step, io::Error::from_raw_os_error(errno)).about(path, uid, Some(file))
}

/// The kernel says that a child is done with our memory a moment before it gives the child a memory of its own, and until
/// then it would change our score along with the child's. The score is a wish: where it is refused, the program runs all
/// the same.
fn give_back_oom_score_adj(pid: u32, score: i32) {
    while proc::stat(pid).is_ok_and(|stat| stat.has_not_executed() && !stat.is_dead() && !stat.is_ending()) {
        std::thread::yield_now();
    }
    let _ = fs::write(format!("/proc/{pid}/oom_score_adj"), score.to_string());
}

/// Whether a child can be put into this cgroup: one goes in, and ends there because there is nothing to execute.
pub(crate) fn probe(leaf: OwnedFd) -> io::Result<()> {
    let program = Program {
        file: "/".into(),
        argv0: "/".into(),
        args: Vec::new(),
        env: Vec::new(),
        mark: None,
        cwd: "/".into(),
        log: "/dev/null".into(),
        credentials: None,
        log_mode: 0o640,
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

#[cfg(test)]
mod tests;
