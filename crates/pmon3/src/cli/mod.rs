//! The command line. One file per command: its arguments, its call, what it prints, from top to bottom.
//!
//! It knows the daemon as a socket only ([`pmon3_api::client`]); `daemon.rs` alone hands the whole program over to it.
//! What a command may touch comes in through `session::Session`, so that a test can give it another world.

mod args;
mod complete;
mod connect;
mod failure;
mod outcome;
mod printer;
mod progress;
mod session;
mod settings;
mod start;
mod table;
mod views;
mod zone;

mod completion;
mod config;
mod daemon;
mod del;
mod desc;
mod dgraph;
mod drop;
mod exec;
mod export;
mod group;
mod init;
mod kill;
mod log;
mod logf;
mod ls;
mod man;
mod reset;
mod restart;
mod stop;
mod topn;
mod version;

#[cfg(test)]
mod tests;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::CompleteEnv;
use failure::Failure;
use printer::Printer;
use session::{Session, Surroundings};
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use tokio::runtime::Runtime;

const EXAMPLES: &str = "\
Examples:
  pmon3 exec ./server --name web      keep a program running
  pmon3 ls                            what is running
  pmon3 logf web                      follow its output
  pmon3 restart web,3                 by name, by id
  pmon3 help exec                     all about one command";

/// Keeps programs running.
#[derive(Parser, Debug)]
#[command(
    name = "pmon3",
    bin_name = "pmon3",
    version,
    disable_version_flag = true,
    // As with the predecessor, of an option that is given twice the last one counts.
    args_override_self = true,
    after_help = EXAMPLES,
    max_term_width = 100
)]
struct Cli {
    /// Never use colours (nor with NO_COLOR set, nor where the output is not a terminal)
    #[arg(long, global = true, display_order = 900)]
    no_color: bool,
    /// Print the version
    #[arg(short = 'v', visible_short_alias = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(flatten)]
    Remote(Remote),
    #[command(flatten)]
    Local(Local),
    Daemon(daemon::Daemon),
}

/// The commands that talk to the daemon.
#[derive(Subcommand, Debug)]
enum Remote {
    #[command(visible_alias = "run")]
    Exec(Box<exec::Exec>),
    #[command(visible_alias = "list")]
    Ls(ls::Ls),
    #[command(visible_alias = "show")]
    Desc(desc::Desc),
    #[command(visible_alias = "start")]
    Restart(restart::Restart),
    Stop(stop::Stop),
    #[command(visible_alias = "delete")]
    Del(del::Del),
    Log(log::Log),
    Logf(logf::Logf),
    Topn(topn::Topn),
    Init(init::Init),
    Kill(kill::Kill),
    Drop(drop::Drop),
    Reset(reset::Reset),
    #[command(visible_alias = "groups")]
    Group(group::Group),
    #[command(visible_alias = "order")]
    Dgraph(dgraph::Dgraph),
    Export(export::Export),
    Version(version::Version),
}

/// The commands that do not.
#[derive(Subcommand, Debug)]
enum Local {
    Config(config::Config),
    Completion(completion::Completion),
    #[command(hide = true)]
    Man(man::Man),
}

/// Runs `pmon3` as it was called, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let around = Surroundings::here();
    // The shell asks for completions by this variable.
    match CompleteEnv::with_factory(Cli::command)
        .var(complete::VARIABLE)
        .try_complete(std::env::args_os(), None)
    {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(_) => return ExitCode::from(2),
    }
    let args: Vec<OsString> = std::env::args_os().collect();
    // Before the arguments are understood nobody can say `--no-color` but by being there.
    let printer = Printer::new(&around.vars, args.iter().any(|arg| arg == "--no-color"));
    match Cli::try_parse_from(args) {
        Ok(Cli {
            command: Some(Command::Daemon(daemon)),
            ..
        }) => daemon.run(),
        parsed => {
            printer::show_log(around.vars.get("PMON3_DEBUG").map(String::as_str));
            ExitCode::from(run(parsed, around, printer))
        }
    }
}

/// Runs a command and tells how it ended; the exit status of the program.
fn run(parsed: Result<Cli, clap::Error>, around: Surroundings, printer: Printer) -> u8 {
    let mut session = Session { around, printer };
    let ended = match parsed {
        Ok(Cli {
            command: Some(Command::Remote(command)),
            ..
        }) => command.run(&mut session),
        Ok(Cli {
            command: Some(Command::Local(command)),
            ..
        }) => command.run(&mut session),
        // The daemon does not come here: it has no session.
        Ok(Cli {
            command: Some(Command::Daemon(_)) | None,
            ..
        }) => session.printer.help(&Cli::command().render_help()),
        Err(error) => match session.printer.clap(&error) {
            Ok(()) if error.use_stderr() => return 2,
            said => said,
        },
    };
    session.printer.clear_progress();
    match ended {
        Ok(()) | Err(Failure::OutputClosed) => 0,
        Err(Failure::Told) => 1,
        Err(Failure::Message { text, hint }) => {
            session.printer.error(&text);
            if let Some(hint) = hint {
                session.printer.hint(&hint);
            }
            1
        }
        Err(Failure::Usage(text)) => {
            session.printer.error(&text);
            2
        }
    }
}

impl Session {
    /// Help on a command of which not enough was said.
    fn help_of(&mut self, name: &str) -> Result<(), Failure> {
        let mut all = Cli::command();
        all.build();
        match all.find_subcommand_mut(name) {
            Some(command) => self.printer.help(&command.render_help()),
            None => Ok(()),
        }
    }
}

impl Remote {
    fn run(self, session: &mut Session) -> Result<(), Failure> {
        let runtime = runtime().map_err(|e| Failure::new(format!("cannot wait for the socket: {e}")))?;
        runtime.block_on(async {
            match self {
                Remote::Exec(command) => command.run(session).await,
                Remote::Ls(command) => command.run(session).await,
                Remote::Desc(command) => command.run(session).await,
                Remote::Restart(command) => command.run(session).await,
                Remote::Stop(command) => command.run(session).await,
                Remote::Del(command) => command.run(session).await,
                Remote::Log(command) => command.run(session).await,
                Remote::Logf(command) => command.run(session).await,
                Remote::Topn(command) => command.run(session).await,
                Remote::Init(command) => command.run(session).await,
                Remote::Kill(command) => command.run(session).await,
                Remote::Drop(command) => command.run(session).await,
                Remote::Reset(command) => command.run(session).await,
                Remote::Group(command) => command.run(session).await,
                Remote::Dgraph(command) => command.run(session).await,
                Remote::Export(command) => command.run(session).await,
                Remote::Version(command) => command.run(session).await,
            }
        })
    }
}

impl Local {
    fn run(self, session: &mut Session) -> Result<(), Failure> {
        match self {
            Local::Config(command) => command.run(session),
            Local::Completion(command) => command.run(session),
            Local::Man(command) => command.run(session),
        }
    }
}

/// One thread, for one command.
fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
}
