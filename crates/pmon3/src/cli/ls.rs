//! `pmon3 ls`: all processes.

use super::args::Json;
use super::failure::Failure;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 ls
  pmon3 ls --json | jq -r '.[] | select(.status == \"failed\") | .name'";

/// List all processes
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Ls {
    #[command(flatten)]
    json: Json,
}

impl Ls {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let processes = session.heard(client.processes(true).await)?;
        session.list(&processes, self.json)
    }
}
