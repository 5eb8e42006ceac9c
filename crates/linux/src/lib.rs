//! What Linux can do for a supervisor: spawn, reap, signal, identify. It decides nothing.

pub mod identity;
pub mod limits;
pub mod listen;
pub mod lock;
pub mod notify;
pub mod oom;
pub mod output;
pub mod peer;
pub mod poll;
mod proc;
pub mod reap;
pub mod spawn;
pub mod tree;
pub mod usage;
pub mod user;
