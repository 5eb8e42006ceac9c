//! `pmon3 group`: processes under a common name.

mod assign;
mod create;
mod del;
mod desc;
mod drop;
mod ls;
mod remove;
mod restart;
mod stop;

use super::args::Json;
use super::failure::Failure;
use super::session::Session;
use super::views;
use clap::{Args, Subcommand};
use pmon3_api::GroupView;

const EXAMPLES: &str = "\
Examples:
  pmon3 group create backend
  pmon3 group assign backend web,worker
  pmon3 group restart backend
  pmon3 group ls";

/// Handle processes in groups
///
/// A process can be in many groups, and a group has many processes. Both are named by id or name, several with commas.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Group {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Create(create::Create),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "show")]
    Desc(desc::Desc),
    Assign(assign::Assign),
    Remove(remove::Remove),
    #[command(visible_alias = "start")]
    Restart(restart::Restart),
    Stop(stop::Stop),
    #[command(visible_alias = "delete")]
    Del(del::Del),
    Drop(drop::Drop),
}

impl Group {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        match self.command {
            None => session.help_of("group"),
            Some(Command::Create(command)) => command.run(session).await,
            Some(Command::Ls(command)) => command.run(session).await,
            Some(Command::Desc(command)) => command.run(session).await,
            Some(Command::Assign(command)) => command.run(session).await,
            Some(Command::Remove(command)) => command.run(session).await,
            Some(Command::Restart(command)) => command.run(session).await,
            Some(Command::Stop(command)) => command.run(session).await,
            Some(Command::Del(command)) => command.run(session).await,
            Some(Command::Drop(command)) => command.run(session).await,
        }
    }
}

impl Session {
    /// Shows groups as `group ls` does.
    fn groups(&mut self, groups: &[GroupView], json: Json) -> Result<(), Failure> {
        if json.json {
            self.printer.json(groups)
        } else {
            self.printer.table(&views::groups(groups))
        }
    }
}
