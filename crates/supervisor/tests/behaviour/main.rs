//! The core in a pretend world, one file per subject.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../world/mod.rs"]
mod world;

mod crash_loop;
mod dependencies;
mod flap;
mod groups;
mod init;
mod lifecycle;
mod many;
mod persistence;
mod requests;
mod restore;
mod shutdown;
mod tree;
mod waits;
