//! `pmon3 log`: what processes have written.

use super::args::{Processes, lines};
use super::failure::Failure;
use super::session::Session;
use clap::Args;
use pmon3_api::LogQuery;

const EXAMPLES: &str = "\
Examples:
  pmon3 log web              all of it
  pmon3 log web -n 10        the last 10 lines
  pmon3 log web -n +5        from the fifth line on
  pmon3 log -a web | less    rotated and archived files first";

/// Print what processes have written
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Log {
    #[command(flatten)]
    which: Processes,
    /// Also what is in rotated and archived files
    #[arg(long, short)]
    all: bool,
    /// The last K lines; with a + before it: from line K on; or all [default: all]
    #[arg(long, short = 'n', value_name = "K", value_parser = lines, allow_hyphen_values = true)]
    lines: Option<String>,
}

impl Log {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let query = LogQuery {
            lines: self.lines.clone(),
            archives: self.all,
            follow: false,
        };
        let several = self.which.each().nth(1).is_some();
        for (number, one) in self.which.each().enumerate() {
            let mut log = session.heard(client.log(one, &query).await)?;
            if several {
                // As head(1) and tail(1) do it.
                session
                    .printer
                    .line(&format!("{}==> {one} <==", if number > 0 { "\n" } else { "" }))?;
            }
            while let Some(piece) = log.next().await? {
                session.printer.bytes(&piece)?;
            }
        }
        Ok(())
    }
}
