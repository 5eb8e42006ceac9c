//! The end-to-end tests: the built binaries, real processes, a private `pmond` per test.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests, their helpers included"
)]

mod cli;
mod daemon;
mod world;
