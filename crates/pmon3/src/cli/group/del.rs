//! `pmon3 group del`: forgets groups, not their processes.

use super::super::args::{Groups, Json};
use super::super::failure::Failure;
use super::super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 group del backend
  pmon3 group del 1,2";

/// Forget groups; their processes stay as they are
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Del {
    #[command(flatten)]
    which: Groups,
    #[command(flatten)]
    json: Json,
}

impl Del {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let groups = session.heard(client.delete_groups(&self.which.groups).await)?;
        session.groups(&groups, self.json)
    }
}
