//! `pmon3 stop`: ends processes, and leaves them ended.

use super::args::{Force, Json, Processes, Wait, action};
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 stop web
  pmon3 stop web,3
  pmon3 stop web --force";

/// Stop processes; they stay stopped until they are started again
///
/// SIGTERM goes to the process and to all that it started; to what is left after its stop timeout, SIGKILL.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Stop {
    #[command(flatten)]
    which: Processes,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl Stop {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let how = action(self.force, self.wait);
        let outcome = session
            .wait_for(&client, progress::stopping, client.stop(&self.which.processes, &how))
            .await?;
        session.outcome(&outcome, self.json)
    }
}
