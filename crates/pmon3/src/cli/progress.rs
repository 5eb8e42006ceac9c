//! Shows on a terminal how far a long change has come, while its answer is awaited.

use super::failure::Failure;
use super::session::Session;
use pmon3_api::ProcessView;
use pmon3_api::client::{Answer, Client, ClientError};
use std::time::Duration;

/// What takes no longer than this needs no progress; then the line is renewed as often.
const PERIOD: Duration = Duration::from_millis(300);

/// Says how far it is, given all processes as they are now.
pub(super) type Tell = fn(&[ProcessView]) -> String;

/// For changes that start processes.
pub(super) fn starting(processes: &[ProcessView]) -> String {
    let up = processes.iter().filter(|process| process.status == "running").count();
    format!("{up} of {} are running", processes.len())
}

/// For changes that end processes.
pub(super) fn stopping(processes: &[ProcessView]) -> String {
    let up = processes.iter().filter(|process| process.pid.is_some()).count();
    format!("waiting for {up} to end")
}

impl Session {
    /// The answer to a change; on a terminal with a line of progress until it is there.
    ///
    /// # Errors
    /// What the daemon, or the way to it, says.
    pub(super) async fn wait_for<T>(
        &mut self,
        client: &Client,
        tell: Tell,
        answer: impl Future<Output = Result<Answer<T>, ClientError>>,
    ) -> Result<T, Failure> {
        if !self.printer.shows_progress() {
            let answer = answer.await;
            return self.heard(answer);
        }
        tokio::pin!(answer);
        loop {
            match tokio::time::timeout(PERIOD, &mut answer).await {
                Ok(answer) => {
                    self.printer.clear_progress();
                    return self.heard(answer);
                }
                Err(_) => {
                    if let Ok(now) = client.processes(false).await {
                        self.printer.progress(&tell(&now.value));
                    }
                }
            }
        }
    }
}
