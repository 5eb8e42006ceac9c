//! `pmon3 desc`: all about a process.

use super::args::{Json, Processes};
use super::failure::Failure;
use super::session::Session;
use super::views;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  pmon3 desc web
  pmon3 desc 3 --json | jq .exit_code
  pmon3 desc web,db";

/// Show all about a process
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Desc {
    #[command(flatten)]
    which: Processes,
    #[command(flatten)]
    json: Json,
}

impl Desc {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let mut processes = Vec::new();
        for one in self.which.each() {
            processes.push(session.heard(client.process(one).await)?);
        }
        if !self.json.json {
            let zone = session.around.zone();
            return processes
                .iter()
                .try_for_each(|process| session.printer.table(&views::description(process, &zone)));
        }
        // One is an object; several, by a comma list, are an array.
        match processes.as_slice() {
            [process] => session.printer.json(process),
            processes => session.printer.json(processes),
        }
    }
}
