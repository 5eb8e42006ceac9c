//! `pmon3 completion`: the script by which a shell completes commands, options, and names of processes and groups.

use super::complete;
use super::failure::Failure;
use super::session::Session;
use clap::Args;
use clap_complete::env::Shells;

const EXAMPLES: &str = "\
Examples:
  bash:        source <(pmon3 completion bash)         # in ~/.bashrc
  zsh:         source <(pmon3 completion zsh)          # in ~/.zshrc, after compinit
  fish:        pmon3 completion fish | source          # in ~/.config/fish/config.fish
  elvish:      eval (pmon3 completion elvish | slurp)  # in ~/.config/elvish/rc.elv
  powershell:  pmon3 completion powershell | Out-String | Invoke-Expression

The script asks pmon3 itself for what fits. Where it is kept in a file, write that again after an upgrade.";

/// Print the script that makes a shell complete commands and names
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completion {
    /// The shell
    #[arg(value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    shell: String,
}

impl Completion {
    pub(super) fn run(self, session: &mut Session) -> Result<(), Failure> {
        let shells = Shells::builtins();
        let Some(shell) = shells.completer(&self.shell) else {
            return Err(Failure::Usage(format!("no completion for `{}`", self.shell)));
        };
        let mut script = Vec::new();
        shell
            .write_registration(complete::VARIABLE, "pmon3", "pmon3", "pmon3", &mut script)
            .map_err(|e| Failure::new(format!("cannot write the script: {e}")))?;
        session.printer.bytes(&script)
    }
}
