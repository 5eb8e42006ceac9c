//! `pmon3 man`: the manual pages, from the same definitions as `--help`. For whoever packages the program.

use super::Cli;
use super::failure::Failure;
use super::session::Session;
use clap::{Args, CommandFactory};
use std::path::PathBuf;

/// Write the manual pages of all commands into a directory
#[derive(Args, Debug)]
pub(super) struct Man {
    /// The directory; made when it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Man {
    pub(super) fn run(self, session: &mut Session) -> Result<(), Failure> {
        let pages =
            std::fs::create_dir_all(&self.dir).and_then(|()| clap_mangen::generate_to(Cli::command(), &self.dir));
        pages.map_err(|e| Failure::new(format!("cannot write the manual pages to {}: {e}", self.dir.display())))?;
        session
            .printer
            .line(&format!("wrote the manual pages to {}", self.dir.display()))
    }
}
