//! The program.

pub mod cli;
pub mod version;
