//! `pmon3 group create`: a new, empty group.

use super::super::args::Json;
use super::super::failure::Failure;
use super::super::session::Session;
use super::super::views;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 group create backend";

/// Create a new, empty group
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Create {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    json: Json,
}

impl Create {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let group = session.heard(client.create_group(&self.name).await)?;
        if self.json.json {
            session.printer.json(&group)
        } else {
            session.printer.table(&views::group(&group))
        }
    }
}
