//! `pmon3 group remove`: takes processes out of groups.

use super::super::args::{Groups, Json, Processes};
use super::super::failure::Failure;
use super::super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 group remove backend 4
  pmon3 group remove backend,nightly worker";

/// Take processes out of groups
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Remove {
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    processes: Processes,
    #[command(flatten)]
    json: Json,
}

impl Remove {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let groups = session.heard(client.remove(&self.groups.groups, &self.processes.processes).await)?;
        session.groups(&groups, self.json)
    }
}
