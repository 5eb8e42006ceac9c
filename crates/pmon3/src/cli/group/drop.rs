//! `pmon3 group drop`: stops all processes of groups and forgets them.

use super::super::args::{Force, Groups, Json, Wait, action};
use super::super::failure::Failure;
use super::super::progress;
use super::super::session::Session;
use clap::Args;
use pmon3_api::client::GroupAction;

const EXAMPLES: &str = "\
Examples:
  pmon3 group drop backend
  pmon3 group drop backend,nightly --force";

/// Stop all processes of groups, forget them, and remove their logs; the groups stay
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Drop {
    #[command(flatten)]
    which: Groups,
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
        let answer = client.on_group(&self.which.groups, GroupAction::Drop, &how);
        let outcome = session.wait_for(&client, progress::stopping, answer).await?;
        session.outcome(&outcome, self.json)
    }
}
