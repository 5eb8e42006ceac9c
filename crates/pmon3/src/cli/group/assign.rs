//! `pmon3 group assign`: puts processes into groups.

use super::super::args::{Groups, Json, Processes};
use super::super::failure::Failure;
use super::super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 group assign backend 3,4
  pmon3 group assign backend,nightly worker";

/// Put processes into groups
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Assign {
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    processes: Processes,
    #[command(flatten)]
    json: Json,
}

impl Assign {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let groups = session.heard(client.assign(&self.groups.groups, &self.processes.processes).await)?;
        session.groups(&groups, self.json)
    }
}
