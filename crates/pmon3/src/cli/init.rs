//! `pmon3 init`: applies the process configuration, and starts what does not run.

use super::args::{Json, WITHOUT_LIMIT, Wait};
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;
use pmon3_api::ActionRequest;

const EXAMPLES: &str = "\
Examples:
  pmon3 init
  pmon3 init --process-config-only
  pmon3 init --blocking && pmon3 ls";

/// Apply the process configuration and start all processes that do not run
///
/// New entries of the process configuration file are started and changed ones taken over; what runs is not restarted.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Init {
    /// Only what the process configuration file names
    #[arg(long, short = 'c', alias = "process_config_only")]
    process_config_only: bool,
    /// Return when all of them run or have failed, however long it takes
    #[arg(long, short, conflicts_with_all = ["wait", "no_wait"])]
    blocking: bool,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
}

impl Init {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon_or_start().await?;
        let how = ActionRequest {
            force: false,
            process_config_only: self.process_config_only,
            wait_ms: if self.blocking {
                Some(WITHOUT_LIMIT)
            } else {
                self.wait.ms()
            },
        };
        let outcome = session.wait_for(&client, progress::starting, client.init(&how)).await?;
        session.outcome(&outcome, self.json)
    }
}
