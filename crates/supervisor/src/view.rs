//! What people see of a process: the status words of the contract, and all that is known.

use crate::process::{Ending, Main, Phase, Process, Wait};
use crate::record::{Exit, Rest};
use crate::spec::{Id, Run, Spec};
use std::sync::Arc;
use std::time::SystemTime;

/// The status words of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Wanted, waiting for its dependencies.
    Queued,
    /// Being started.
    Init,
    /// Up. Also while it is on its way down: it is not stopped before the kernel says so.
    Running,
    /// By a person.
    Stopped,
    /// Ended and not to be restarted, or not startable.
    Failed,
    /// Ended because the daemon closed.
    Closed,
    /// Held by flap detection.
    Backoff,
    /// Wanted up; being stopped to start again, or waiting out a delay.
    Restarting,
}

impl Status {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Queued => "queued",
            Status::Init => "init",
            Status::Running => "running",
            Status::Stopped => "stopped",
            Status::Failed => "failed",
            Status::Closed => "closed",
            Status::Backoff => "backoff",
            Status::Restarting => "restarting",
        }
    }
}

/// One process as it is now. Cheap to make: the spec is shared.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Its number.
    pub id: Id,
    /// What was asked.
    pub spec: Arc<Spec>,
    /// A view of goal and phase.
    pub status: Status,
    /// The newest run.
    pub run: Run,
    /// The kernel's number of the main process, while that is there.
    pub pid: Option<u32>,
    /// Start of the run that is, or of the last one that was.
    pub started_at: Option<SystemTime>,
    /// Restarts since a person last stopped or reset it.
    pub restart_count: u32,
    /// How the last run ended.
    pub last_exit: Option<Exit>,
    /// Why it could not be started or kept running.
    pub last_error: Option<String>,
    /// When it was first asked for.
    pub created_at: SystemTime,
    /// When any of this last changed.
    pub updated_at: SystemTime,
}

impl Process {
    pub(crate) fn status(&self) -> Status {
        match &self.phase {
            Phase::Resting(Rest::Stopped) => Status::Stopped,
            Phase::Resting(Rest::Failed) => Status::Failed,
            Phase::Resting(Rest::Closed) => Status::Closed,
            Phase::Resting(Rest::Fresh) | Phase::Waiting(Wait::Dependency(_) | Wait::HeadStart(_)) => Status::Queued,
            Phase::Waiting(Wait::Delay(_)) => Status::Restarting,
            Phase::Waiting(Wait::Backoff(_)) => Status::Backoff,
            Phase::Starting => Status::Init,
            Phase::Running { .. } => Status::Running,
            Phase::Ending(Ending {
                main: Main::Alive { .. },
                ..
            }) => {
                if self.leaves() {
                    Status::Running
                } else {
                    Status::Restarting
                }
            }
            Phase::Ending(Ending {
                main: Main::Ended { .. },
                ..
            }) => match self.rest_after_end() {
                Rest::Stopped => Status::Stopped,
                Rest::Failed => Status::Failed,
                Rest::Closed => Status::Closed,
                Rest::Fresh => Status::Restarting,
            },
        }
    }

    pub(crate) fn view(&self) -> View {
        View {
            id: self.id,
            spec: self.spec.clone(),
            status: self.status(),
            run: self.run,
            pid: self.live().map(|live| live.pid),
            started_at: self.started_at,
            restart_count: self.restart_count,
            last_exit: self.last_exit,
            last_error: self.last_error.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
