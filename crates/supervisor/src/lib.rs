//! The pure core of pmon3: events in, effects out, time as a parameter.
//!
//! Five words carry it:
//!
//! - an **event** is a request of a person, an observation of the kernel, an answer of the store, or the clock;
//! - an **effect** is an order to the world, carried out by whoever called [`Supervisor::handle`];
//! - the **goal** of a process is what a person asked for;
//! - its **phase** is what the kernel was seen to do;
//! - a **run** is one start of its program. Each order and each observation names its run.
//!
//! Nothing here reads a clock, a file or a process, and nothing waits: `clippy.toml` of this crate forbids it. So each
//! rule is tested in microseconds, and `tests/simulation.rs` lives through crashes, full disks and jumping clocks by
//! the ten thousand.
//!
//! **Written, then done.** A request that changes what must be remembered becomes an [`Effect::Store`] first; its
//! deeds, and then its answer, come when the store says [`Event::Stored`]. Requests wait for one another, supervision
//! waits for nobody: what merely follows from the kernel's doings (a pid, an exit code) is written after the deed, and
//! written again if the disk would not take it.
//!
//! Start reading at `process.rs`: its table is the model. `supervisor.rs` has what lies between processes, `restore.rs`
//! how a daemon takes up what an earlier one left. A request goes through `check.rs` (may it? what does it mean?),
//! `request.rs` (written, then done) and `waits.rs` (has it come true?).

mod access;
mod check;
pub mod effect;
pub mod event;
mod group;
mod nearest;
pub mod order;
mod process;
pub mod record;
mod registry;
mod request;
pub mod restart;
mod restore;
mod saving;
pub mod spec;
mod supervisor;
#[cfg(test)]
mod table;
#[cfg(test)]
mod testing;
pub mod view;
mod waits;

pub use effect::{Accepted, Ask, Effect, News, Notice, Problem};
pub use event::{
    Caller, Event, FlapPolicy, InitScope, Now, Observation, Policy, Refusal, Request, Ticket, Which, Write,
};
pub use process::KILL_PATIENCE;
pub use record::{Change, Exit, Goal, Group, Live, Record, Rest};
pub use restore::Found;
pub use spec::{BadName, BadSpec, GroupId, Id, Name, Run, Selector, Spec, User};
pub use supervisor::Supervisor;
pub use view::{Status, View};
