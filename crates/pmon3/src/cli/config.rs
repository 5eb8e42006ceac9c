//! `pmon3 config`: looks at configuration files, without a daemon.

use super::args::Json;
use super::failure::Failure;
use super::session::Session;
use super::views;
use clap::{Args, Subcommand, ValueHint};
use pmon3_api::report::SettingReport;
use pmon3_config::Format;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  pmon3 config check
  pmon3 config check ./process.config.yaml
  pmon3 config show";

/// Look at the configuration: is it right, and what is in force
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Config {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    Check(Check),
    Show(Show),
}

const CHECK_EXAMPLES: &str = "\
Examples:
  pmon3 config check                           the files in use
  pmon3 config check /etc/pmon3/config/config.yml
  pmon3 config check process.config.json && pmon3 init";

/// Check configuration files: all that is wrong is named with file, line and key
///
/// A process configuration is told by its extension (.json, .toml) or, in YAML, by its key `processes`.
#[derive(Args, Debug)]
#[command(after_help = CHECK_EXAMPLES)]
struct Check {
    /// The file [default: the configuration and the process configuration in use]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  pmon3 config show
  pmon3 config show --json | jq -r '.[] | select(.origin != \"default\") | .key'";

/// Show each value that is in force, and where it comes from
#[derive(Args, Debug)]
#[command(after_help = SHOW_EXAMPLES)]
struct Show {
    #[command(flatten)]
    json: Json,
}

impl Config {
    pub(super) fn run(self, session: &mut Session) -> Result<(), Failure> {
        match self.command {
            None => session.help_of("config"),
            Some(Command::Check(command)) => command.run(session),
            Some(Command::Show(command)) => command.run(session),
        }
    }
}

impl Check {
    fn run(self, session: &mut Session) -> Result<(), Failure> {
        match self.file {
            Some(file) if !file.exists() => Err(Failure::new(format!("{} does not exist", file.display()))),
            Some(file) if is_process_configuration(&file) => check_processes(session, &file),
            Some(file) => check_settings(session, &file).map(|_| ()),
            None => {
                let process_file = check_settings(session, &session.around.environment.config_file())?;
                match process_file {
                    Some(file) if file.exists() => check_processes(session, &file),
                    Some(file) => session
                        .printer
                        .line(&format!("{}: not there, no processes", file.display())),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Gives back the process configuration that it names.
fn check_settings(session: &mut Session, file: &Path) -> Result<Option<PathBuf>, Failure> {
    let loaded = pmon3_config::load_file(&session.around.environment, file).map_err(|e| Failure::new(e.to_string()))?;
    for warning in &loaded.warnings {
        session.printer.warning(warning);
    }
    for note in &loaded.notes {
        session.printer.note(note);
    }
    let verdict = if file.exists() {
        "right"
    } else {
        "not there, defaults hold"
    };
    session.printer.line(&format!("{}: {verdict}", file.display()))?;
    Ok(loaded.settings.process_config_file)
}

fn check_processes(session: &mut Session, file: &Path) -> Result<(), Failure> {
    let loaded = pmon3_config::load_entries(file).map_err(|e| Failure::new(e.to_string()))?;
    for warning in &loaded.warnings {
        session.printer.warning(warning);
    }
    session.printer.line(&format!(
        "{}: right, processes: {}",
        file.display(),
        loaded.entries.len()
    ))
}

fn is_process_configuration(file: &Path) -> bool {
    match Format::of(file) {
        Some(Format::Json | Format::Toml) => true,
        Some(Format::Yaml) | None => {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().any(|line| line.starts_with("processes:"))
        }
    }
}

impl Show {
    fn run(self, session: &mut Session) -> Result<(), Failure> {
        let loaded = pmon3_config::load(&session.around.environment).map_err(|e| Failure::new(e.to_string()))?;
        for warning in &loaded.warnings {
            session.printer.warning(warning);
        }
        let shown = loaded.shown().into_iter().map(|shown| SettingReport {
            key: shown.key.to_owned(),
            value: shown.value,
            origin: shown.origin.to_string(),
        });
        let shown: Vec<SettingReport> = shown.collect();
        if self.json.json {
            session.printer.json(&shown)
        } else {
            session.printer.table(&views::settings(&shown))
        }
    }
}
