//! `pmon3 logf`: what processes write, as they write it.

use super::args::{Processes, lines};
use super::failure::Failure;
use super::session::Session;
use clap::Args;
use pmon3_api::LogQuery;
use pmon3_api::client::{ClientError, Stream};
use tokio::sync::mpsc;

const EXAMPLES: &str = "\
Examples:
  pmon3 logf web
  pmon3 logf web -n 100
  pmon3 logf web,worker      several at once, each piece under its name
  pmon3 logf web -n 0 | grep -i error";

/// Print what processes write, as they write it, until you press ctrl-C
///
/// Goes on when the file is truncated, rotated or replaced. Ctrl-C ends it with exit status 0.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Logf {
    #[command(flatten)]
    which: Processes,
    /// Begin with the last K lines; with a + before it: from line K on; or all
    #[arg(long, short = 'n', value_name = "K", value_parser = lines, default_value = "10", allow_hyphen_values = true)]
    lines: String,
}

/// How many pieces may lie between the daemon and a slow terminal.
const AHEAD: usize = 4;

impl Logf {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let interrupted = tokio::signal::ctrl_c();
        tokio::select! {
            ended = self.follow(session) => ended,
            _ = interrupted => Ok(()),
        }
    }

    async fn follow(&self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let query = LogQuery {
            lines: Some(self.lines.clone()),
            archives: false,
            follow: true,
        };
        let names: Vec<&str> = self.which.each().collect();
        // All of them are opened before the first byte is printed: a wrong name is told at once.
        let mut logs = Vec::new();
        for one in &names {
            logs.push(session.heard(client.log(one, &query).await)?);
        }
        let (sender, mut pieces) = mpsc::channel(AHEAD);
        for (number, log) in logs.into_iter().enumerate() {
            tokio::spawn(pass_on(number, log, sender.clone()));
        }
        drop(sender);
        let mut last = None;
        while let Some((number, piece)) = pieces.recv().await {
            if names.len() > 1 && last != Some(number) {
                let gap = if last.is_some() { "\n" } else { "" };
                session.printer.line(&format!("{gap}==> {} <==", names[number]))?;
                last = Some(number);
            }
            session.printer.bytes(&piece?)?;
        }
        Ok(())
    }
}

type Piece = (usize, Result<bytes::Bytes, ClientError>);

async fn pass_on(number: usize, mut log: Stream, sender: mpsc::Sender<Piece>) {
    while let Some(piece) = log.next().await.transpose() {
        if sender.send((number, piece)).await.is_err() {
            return;
        }
    }
}
