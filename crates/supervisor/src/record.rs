//! What must survive a restart of the daemon.

use crate::process::{Ending, Main, Phase, Process};
use crate::spec::{GroupId, Id, Name, Run, Spec};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// What a person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// It shall run.
    Up,
    /// It shall run anew: its present run is to end, and another one is to follow. `Up` again as soon as it has ended.
    Again,
    /// It shall not run.
    Down,
    /// It shall not be known any more: forgotten as soon as it has ended.
    Gone,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It called exit with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It is gone, and nobody can say how (it was not our child, on a kernel that does not tell).
    Unknown,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
            Exit::Unknown => write!(f, "an end that nobody saw"),
        }
    }
}

/// A process of the kernel that we know to be ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its number now.
    pub pid: u32,
    /// Tells it from a later process with the same number. The Linux room writes and reads it; opaque here.
    pub identity: String,
    /// When it was started.
    pub started_at: SystemTime,
}

/// Why a process that has no run has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// It has not been started yet, or is about to be started again.
    Fresh,
    /// A person stopped it.
    Stopped,
    /// It ended and is not to be restarted, or could not be started.
    Failed,
    /// The daemon closed; it starts again with it.
    Closed,
}

/// All of one process that is kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: Id,
    /// What was asked.
    pub spec: Arc<Spec>,
    /// What a person wants of it.
    pub goal: Goal,
    /// Why it has no run, where it has none.
    pub rest: Rest,
    /// The number of its newest run.
    pub run: Run,
    /// The main process of its newest run, while that was not seen to end.
    pub live: Option<Live>,
    /// How often it was restarted since a person last stopped or reset it; a restart that is still owed is in it.
    pub restart_count: u32,
    /// How its last run ended.
    pub last_exit: Option<Exit>,
    /// Why it could not be started or kept running, in the user's terms.
    pub last_error: Option<String>,
    /// When it was first asked for.
    pub created_at: SystemTime,
    /// When any of this last changed.
    pub updated_at: SystemTime,
}

/// A name for several processes. Who is in it stands in the specs of the processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// Unique among all groups.
    pub name: Name,
    /// When it was made.
    pub created_at: SystemTime,
}

/// One line of a write to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep this process, instead of what was there under its id.
    Put(Box<Record>),
    /// Forget this process.
    Forget(Id),
    /// Keep this group, instead of what was there under its id.
    PutGroup(Group),
    /// Forget this group. The records of its members are written without it in the same write.
    ForgetGroup(GroupId),
}

impl Process {
    /// What is kept of it as it is now.
    pub(crate) fn record(&self) -> Record {
        let rest = match &self.phase {
            Phase::Resting(rest) => *rest,
            Phase::Waiting(_) | Phase::Starting | Phase::Running { .. } => Rest::Fresh,
            Phase::Ending(Ending {
                main: Main::Alive { .. },
                ..
            }) => Rest::Fresh,
            // The daemon that comes back sees leftovers by itself; what it cannot see is where this was going.
            Phase::Ending(Ending {
                main: Main::Ended { .. },
                ..
            }) => self.rest_after_end(),
        };
        Record {
            id: self.id,
            spec: self.spec.clone(),
            goal: self.goal,
            rest,
            run: self.run,
            live: self.live().cloned(),
            restart_count: self.restart_count.saturating_add(u32::from(self.owes_restart())),
            last_exit: self.last_exit,
            last_error: self.last_error.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
