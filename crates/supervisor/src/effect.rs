//! What goes out: orders to the Linux room and the store, answers to people, news for the log.

use crate::event::{Refusal, Ticket, Write};
use crate::record::{Change, Exit};
use crate::spec::{Id, Name, Run, Spec};
use std::sync::Arc;
use std::time::Duration;

/// What is to be sent to a whole tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// SIGTERM, then SIGCONT so that a stopped program can obey.
    Terminate,
    /// SIGKILL, to each member, until none is left.
    Kill,
}

/// One order. The caller carries them out in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Write these together, or none of them; then say [`Stored`](crate::Event::Stored) or
    /// [`StoreFailed`](crate::Event::StoreFailed). Writes keep their order. Nobody waits for it here.
    Store {
        /// Names it in the answer.
        write: Write,
        /// What to write.
        changes: Vec<Change>,
        /// Whether it must survive a loss of power (a person was, or will be, told that it is written down), or only
        /// the death of the daemon (what merely follows from the kernel's doings).
        durable: bool,
    },
    /// Start the program; then say `Started` or `SpawnFailed`.
    Spawn(Id, Run, Arc<Spec>),
    /// Signal the main process and all its descendants; when none is left, say so.
    Signal(Id, Run, Ask),
    /// Remove the log files of a process that was deleted, with the rights of its user.
    RemoveLog(Arc<Spec>),
    /// Tell whoever listens.
    Announce(Notice),
    /// The answer to a request: written down, or refused. Each ticket gets exactly one.
    Reply(Ticket, Result<Accepted, Refusal>),
    /// After an accepting reply: all that the request caused has come true, or will not.
    Settled(Ticket, Vec<Problem>),
    /// Nothing is left to do: the daemon may end.
    Finish,
}

/// A request that is on disk and on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The processes that it is about.
    pub ids: Vec<Id>,
    /// What the caller should know.
    pub warnings: Vec<String>,
}

/// A part of an accepted request that did not come true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which process.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// Why, in the user's terms.
    pub message: String,
}

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Which process.
    pub id: Id,
    /// Its name.
    pub name: Name,
    /// What.
    pub news: News,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// It runs.
    Started {
        /// The kernel's number.
        pid: u32,
        /// It ran before, and this start was counted as a restart.
        restart: bool,
    },
    /// It was found running by a daemon that came back.
    Adopted {
        /// The kernel's number.
        pid: u32,
    },
    /// Its main process ended.
    Ended {
        /// How.
        exit: Exit,
        /// After how long.
        ran: Duration,
        /// Nobody had asked for it.
        by_itself: bool,
    },
    /// Descendants were left behind by a main process that ended by itself, and are being killed.
    Leftovers,
    /// The next restart waits.
    Delayed(Duration),
    /// Flap detection holds it.
    Backoff(Duration),
    /// It will not be restarted, or could not be started.
    Failed(Option<String>),
    /// It did not end within its stop timeout, and is being killed.
    Killed,
    /// It did not even end after SIGKILL.
    Stuck,
    /// It has no run any more, as asked.
    Stopped,
    /// It is forgotten.
    Deleted,
    /// What is remembered of it could not be written; it is supervised from memory.
    Unsaved(String),
}
