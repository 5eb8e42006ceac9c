//! What comes in: requests of people, observations of the kernel, answers of the store, the clock.

use crate::record::{Exit, Live};
use crate::spec::{Id, Name, Run, Selector, Spec};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// The time of one turn, read once by whoever calls [`Supervisor::handle`](crate::Supervisor::handle).
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For deadlines and delays: never jumps.
    pub mono: Instant,
    /// For what people read: may jump.
    pub wall: SystemTime,
}

impl Now {
    /// So much later; no setting is so large that this overflows.
    pub(crate) fn after(&self, wait: Duration) -> Instant {
        const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
        self.mono + wait.min(FOR_EVER)
    }
}

/// Whoever made a request; its answer carries it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Numbers the writes to the store, in the order in which they were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write(pub u64);

/// Who makes a request, as the kernel says (SO_PEERCRED, SO_PEERGROUPS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Effective user id.
    pub uid: u32,
    /// Effective and supplementary group ids.
    pub gids: Vec<u32>,
}

/// Which processes a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that the caller may manage.
    All,
    /// Exactly these; one that is unknown or not permitted refuses the whole request.
    These(Vec<Selector>),
    /// All members of these groups; one member that is not permitted refuses the whole request.
    Groups(Vec<Selector>),
}

/// How much of what is known an `init` starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitScope {
    /// Only entries whose names are not known yet: what a daemon does when it starts.
    NewEntries,
    /// All entries, and nothing else.
    Entries,
    /// All entries and all other processes that are not running.
    Everything,
}

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A new process.
    Exec(Arc<Spec>),
    /// The process configuration, applied.
    Init {
        /// Its entries.
        entries: Vec<Arc<Spec>>,
        /// What else is started.
        scope: InitScope,
    },
    /// Stop, then start; or just start, if it is not running.
    Restart {
        /// Which ones.
        which: Which,
        /// SIGKILL at once.
        force: bool,
    },
    /// End it, and leave it ended.
    Stop {
        /// Which ones.
        which: Which,
        /// SIGKILL at once.
        force: bool,
    },
    /// End it, forget it, remove its log files.
    Delete {
        /// Which ones.
        which: Which,
        /// SIGKILL at once.
        force: bool,
    },
    /// Set the restart counter to 0.
    Reset(Which),
    /// A new, empty group.
    CreateGroup(Name),
    /// Forget these groups; their members stay as they are.
    DeleteGroups(Vec<Selector>),
    /// Put each of these processes into each of these groups.
    Assign {
        /// Which groups.
        groups: Vec<Selector>,
        /// Which processes.
        processes: Vec<Selector>,
    },
    /// Take each of these processes out of each of these groups.
    Unassign {
        /// Which groups.
        groups: Vec<Selector>,
        /// Which processes.
        processes: Vec<Selector>,
    },
}

/// What the Linux room saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The program's first instruction is on its way: execve succeeded.
    Started {
        /// Which process.
        id: Id,
        /// Which run.
        run: Run,
        /// The kernel's process.
        live: Live,
    },
    /// It could not be started.
    SpawnFailed {
        /// Which process.
        id: Id,
        /// Which run.
        run: Run,
        /// The step, the file and the cause, in one line.
        message: String,
        /// Out of memory, descriptors or processes: worth another try without anyone's help.
        transient: bool,
    },
    /// Its main process ended.
    Exited {
        /// Which process.
        id: Id,
        /// Which run.
        run: Run,
        /// How.
        exit: Exit,
        /// Descendants of it are still there.
        leftovers: bool,
    },
    /// Neither the main process nor a descendant is there any more.
    TreeGone {
        /// Which process.
        id: Id,
        /// Which run.
        run: Run,
    },
}

/// All that can happen.
#[derive(Clone, Debug)]
pub enum Event {
    /// A person wants something.
    Request(Ticket, Caller, Request),
    /// The kernel did something.
    Observed(Observation),
    /// This write is on disk.
    Stored(Write),
    /// This write failed as a whole, for this reason.
    StoreFailed(Write, String),
    /// The deadline has come.
    Wake,
    /// The configuration changed.
    Policy(Policy),
    /// The daemon is asked to end. A second time: at once.
    Shutdown,
}

/// The settings that decisions depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The user that the daemon runs as; may do everything, as root may.
    pub owner: u32,
    /// Members of these groups may manage every process.
    pub admin_gids: Vec<u32>,
    /// Whether the processes end with the daemon.
    pub stop_on_shutdown: bool,
    /// The first delay of a crash loop.
    pub restart_delay: Duration,
    /// The longest delay of a crash loop.
    pub restart_delay_max: Duration,
    /// Time from SIGTERM to SIGKILL where a process has none of its own.
    pub stop_timeout: Duration,
    /// How long dependencies must have run before what depends on them starts.
    pub dependency_wait: Duration,
    /// Flap detection, if it is on.
    pub flap: Option<FlapPolicy>,
}

/// Flap detection: see [`restart`](crate::restart).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlapPolicy {
    /// Restarts within `countdown` after which the next end means backoff.
    pub restarted: u32,
    /// How long restarts count, and how long a backoff lasts.
    pub countdown: Duration,
    /// Within a backoff: every so often one restart is tried; zero: never.
    pub decrement: Duration,
}

/// Why a request was refused as a whole. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody has this id or name; the nearest name there is.
    NoSuchProcess(Selector, Option<Name>),
    /// No group has this id or name; the nearest name there is.
    NoSuchGroup(Selector, Option<Name>),
    /// There is a group of this name.
    GroupExists(Name),
    /// Another process has this name.
    NameTaken(Name, Id),
    /// Two entries of one process configuration have this name.
    NamedTwice(Name),
    /// These depend on one another in a circle; the first is repeated at the end.
    DependencyCycle(Vec<Name>),
    /// The process runs as another user.
    NotYours(Name, String),
    /// The caller may start programs only as themselves.
    MayNotRunAs(String),
    /// The store cannot write, for this reason.
    StoreFailed(String),
    /// The daemon is closing.
    Closing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoSuchProcess(Selector::Id(id), _) => write!(f, "no process with the id {id}"),
            Refusal::NoSuchProcess(Selector::Name(name), _) => write!(f, "no process named `{name}`"),
            Refusal::NoSuchGroup(Selector::Id(id), _) => write!(f, "no group with the id {id}"),
            Refusal::NoSuchGroup(Selector::Name(name), _) => write!(f, "no group named `{name}`"),
            Refusal::GroupExists(name) => write!(f, "there is a group named `{name}` already"),
            Refusal::NameTaken(name, id) => write!(f, "the name `{name}` is taken by process {id}"),
            Refusal::NamedTwice(name) => write!(f, "two entries are named `{name}`"),
            Refusal::DependencyCycle(names) => {
                let path: Vec<&str> = names.iter().map(Name::as_str).collect();
                write!(f, "the dependencies form a cycle: {}", path.join(" -> "))
            }
            Refusal::NotYours(name, user) => {
                write!(f, "permission denied: process `{name}` runs as user {user}")
            }
            Refusal::MayNotRunAs(user) => {
                write!(f, "permission denied: you may not start a program as user {user}")
            }
            Refusal::StoreFailed(why) => write!(f, "nothing was changed: the database cannot be written: {why}"),
            Refusal::Closing => write!(f, "pmond is closing"),
        }
    }
}

impl std::error::Error for Refusal {}
