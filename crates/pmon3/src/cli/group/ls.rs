//! `pmon3 group ls`: all groups.

use super::super::args::Json;
use super::super::failure::Failure;
use super::super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 group ls
  pmon3 group ls --json | jq -r '.[].name'";

/// List all groups
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ls {
    #[command(flatten)]
    json: Json,
}

impl Ls {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let groups = session.heard(client.groups().await)?;
        session.groups(&groups, self.json)
    }
}
