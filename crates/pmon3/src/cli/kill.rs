//! `pmon3 kill`: stops all processes.

use super::args::{Force, Json, Wait, action};
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 kill
  pmon3 kill --force --no-wait";

/// Stop all processes
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Kill {
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl Kill {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let how = action(self.force, self.wait);
        let outcome = session.wait_for(&client, progress::stopping, client.kill(&how)).await?;
        session.outcome(&outcome, self.json)
    }
}
