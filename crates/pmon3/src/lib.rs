//! The program: `pmon3` commands, `pmond` supervises. They know each other as a socket.

pub mod cli;
pub mod daemon;
pub mod version;
