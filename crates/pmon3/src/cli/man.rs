//! `pmon3 man`: the manual pages, from the same definitions as `--help`. For whoever packages the program.

use super::Cli;
use super::failure::Failure;
use super::session::Session;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Write the manual pages of all commands into a directory
#[derive(Args, Debug)]
pub(super) struct Man {
    /// The directory; made when it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Man {
    pub(super) fn run(self, session: &mut Session) -> Result<(), Failure> {
        let mut all = Cli::command().disable_help_subcommand(true);
        all.build();
        fs::create_dir_all(&self.dir)
            .and_then(|()| write(all, &self.dir))
            .map_err(|e| Failure::new(format!("cannot write the manual pages to {}: {e}", self.dir.display())))?;
        session
            .printer
            .line(&format!("wrote the manual pages to {}", self.dir.display()))
    }
}

/// The page of this command, and of all those below it.
fn write(command: Command, dir: &Path) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        write(inner.clone(), dir)?;
    }
    let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // clap_mangen would fill their lines like prose.
    let page = Page::new(command.after_help(None::<&str>));
    let mut text = Vec::new();
    page.render(&mut text)?;
    text.extend_from_slice(as_written(&examples).as_bytes());
    fs::write(dir.join(page.get_filename()), text)
}

/// A section with the lines of the examples as they are.
fn as_written(examples: &str) -> String {
    let mut out = String::from(".SH EXAMPLES\n.nf\n");
    for line in examples.lines().filter(|line| *line != "Examples:") {
        // A line must not begin with what roff takes for a request.
        out.push_str("\\&");
        out.push_str(&line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq"));
        out.push('\n');
    }
    out.push_str(".fi\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_keep_their_lines_and_mean_nothing_to_roff() {
        assert_eq!(
            as_written("Examples:\n  a --b '\\n'\n.c"),
            ".SH EXAMPLES\n.nf\n\\&  a \\-\\-b \\(aq\\en\\(aq\n\\&.c\n.fi\n"
        );
    }
}
