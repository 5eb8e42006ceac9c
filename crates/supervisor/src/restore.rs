//! A daemon that comes back: what it remembered, held against what is there.

use crate::record::{Exit, Live};

/// What the Linux room found of a process that the store remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its main process lives, and is watched from now on. Also where the store knew no pid, because the daemon died
    /// between the spawn and the write, and its cgroup or its mark told.
    Alive(Live),
    /// It has no main process (any more).
    Gone {
        /// How its newest run ended; `None` where the store says that no run was under way.
        exit: Option<Exit>,
        /// Descendants of it are still there.
        leftovers: bool,
    },
}
