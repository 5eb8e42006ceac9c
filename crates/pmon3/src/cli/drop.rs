//! `pmon3 drop`: stops all processes and forgets them.

use super::args::{Force, Json, Wait, action};
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 drop
  pmon3 export -f yaml > process.config.yaml && pmon3 drop --force";

/// Stop all processes, forget them, and remove their logs
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Drop {
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl Drop {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let how = action(self.force, self.wait);
        let outcome = session
            .wait_for(&client, progress::stopping, client.drop_all(&how))
            .await?;
        session.outcome(&outcome, self.json)
    }
}
