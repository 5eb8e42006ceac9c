//! `pmon3 del`: stops processes and forgets them.

use super::args::{Force, Json, Processes, Wait, action};
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 del web
  pmon3 del 1,2,old-worker --force";

/// Stop processes, forget them, and remove their logs
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Del {
    #[command(flatten)]
    which: Processes,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl Del {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let how = action(self.force, self.wait);
        let outcome = session
            .wait_for(&client, progress::stopping, client.delete(&self.which.processes, &how))
            .await?;
        session.outcome(&outcome, self.json)
    }
}
