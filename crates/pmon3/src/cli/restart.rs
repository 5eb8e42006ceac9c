//! `pmon3 restart`: stops and starts processes; starts those that do not run.

use super::args::{Force, Json, Processes, Wait, action};
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 restart web
  pmon3 start web,3
  pmon3 restart web --force --wait 5000";

/// Stop processes and start them again; start those that do not run
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restart {
    #[command(flatten)]
    which: Processes,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl Restart {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon_or_start().await?;
        let how = action(self.force, self.wait);
        let outcome = session
            .wait_for(&client, progress::starting, client.restart(&self.which.processes, &how))
            .await?;
        session.outcome(&outcome, self.json)
    }
}
