//! `pmon3 group restart`: stops and starts all processes of groups.

use super::super::args::{Force, Groups, Json, Wait, action};
use super::super::failure::Failure;
use super::super::progress;
use super::super::session::Session;
use clap::Args;
use pmon3_api::client::GroupAction;

const EXAMPLES: &str = "\
Examples:
  pmon3 group restart backend
  pmon3 group restart backend,nightly --force";

/// Stop all processes of groups and start them again; start those that do not run
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Restart {
    #[command(flatten)]
    which: Groups,
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
        let answer = client.on_group(&self.which.groups, GroupAction::Restart, &how);
        let outcome = session.wait_for(&client, progress::starting, answer).await?;
        session.outcome(&outcome, self.json)
    }
}
