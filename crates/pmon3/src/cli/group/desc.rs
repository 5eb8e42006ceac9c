//! `pmon3 group desc`: a group and its processes.

use super::super::args::{Groups, Json};
use super::super::failure::Failure;
use super::super::session::Session;
use super::super::views;
use clap::Args;
use pmon3_api::ProcessView;

const EXAMPLES: &str = "\
Examples:
  pmon3 group desc backend
  pmon3 group desc 1,2 --json";

/// Show a group and the processes in it
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Desc {
    #[command(flatten)]
    which: Groups,
    #[command(flatten)]
    json: Json,
}

impl Desc {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let mut groups = Vec::new();
        for one in self.which.each() {
            groups.push(session.heard(client.group(one).await)?);
        }
        if self.json.json {
            // One is an object; several, by a comma list, are an array.
            return match groups.as_slice() {
                [group] => session.printer.json(group),
                groups => session.printer.json(groups),
            };
        }
        let all = session.heard(client.processes(true).await)?;
        for group in &groups {
            session.printer.table(&views::group(group))?;
            let members: Vec<ProcessView> = all
                .iter()
                .filter(|process| group.processes.contains(&process.name))
                .cloned()
                .collect();
            session.list(&members, Json::default())?;
        }
        Ok(())
    }
}
