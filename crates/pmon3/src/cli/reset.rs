//! `pmon3 reset`: restart counters back to 0.

use super::args::Json;
use super::complete;
use super::failure::Failure;
use super::session::Session;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCompleter;

const EXAMPLES: &str = "\
Examples:
  pmon3 reset           all of them
  pmon3 reset web,3
  pmon3 reset -p web    the same as reset web";

/// Set restart counters back to 0
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Reset {
    /// Ids or names, several with commas between them [default: all processes]
    #[arg(value_name = "ID_OR_NAME", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCompleter::new(complete::processes))]
    processes: Option<String>,
    /// The same as an option
    #[arg(long, short, value_name = "ID_OR_NAME", conflicts_with = "processes",
          value_parser = NonEmptyStringValueParser::new(), add = ArgValueCompleter::new(complete::processes))]
    process: Option<String>,
    #[command(flatten)]
    json: Json,
}

impl Reset {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let which = self.process.or(self.processes);
        let outcome = session.heard(client.reset(which.as_deref()).await)?;
        session.outcome(&outcome, self.json)
    }
}
