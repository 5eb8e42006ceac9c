//! `pmon3 dgraph`: in which order processes would be started.

use super::args::Json;
use super::failure::Failure;
use super::session::Session;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 dgraph
  pmon3 dgraph --process-config-only --json | jq '.dependency_order'";

/// Show in which order processes would be started, without starting any
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Dgraph {
    /// Only what the process configuration file names
    #[arg(long, short = 'c', alias = "process_config_only")]
    process_config_only: bool,
    #[command(flatten)]
    json: Json,
}

impl Dgraph {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let order = session.heard(client.order(self.process_config_only).await)?;
        if self.json.json {
            return session.printer.json(&order);
        }
        let mut text = String::new();
        for (heading, names) in [
            ("Queue Order", &order.queue_order),
            ("Dependency Graph Order", &order.dependency_order),
        ] {
            text.push_str(heading);
            text.push('\n');
            for (number, name) in names.iter().enumerate() {
                text.push_str(&format!("\t{number}: {name}\n"));
            }
        }
        session.printer.text(&text)
    }
}
