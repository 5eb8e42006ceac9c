//! `pmon3 daemon`: this program as `pmond`. The one place of the command line that knows the daemon.

use clap::Args;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  pmon3 daemon                 in the foreground, as a service manager wants it
  pmon3 daemon --background    as `pmon3 exec` starts it";

/// Be pmond: supervise processes until SIGTERM
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Daemon {
    /// The arguments of pmond
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

impl Daemon {
    pub(super) fn run(self) -> std::process::ExitCode {
        crate::daemon::main(self.args)
    }
}
