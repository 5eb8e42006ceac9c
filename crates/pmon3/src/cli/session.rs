//! What every command gets: where it runs, whom it talks to, and by what it speaks.

use super::connect;
use super::failure::Failure;
use super::printer::Printer;
use super::start;
use super::zone;
use jiff::tz::TimeZone;
use pmon3_api::client::{Answer, Client, ClientError};
use pmon3_config::Environment;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a command depends on besides its arguments. Tests give their own.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The environment, as far as it is UTF-8.
    pub(super) vars: BTreeMap<String, String>,
    /// The same, for the configuration.
    pub(super) environment: Environment,
    /// Effective user id.
    pub(super) uid: u32,
    /// This program: it carries the daemon.
    pub(super) exe: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn here() -> Surroundings {
        let utf8 = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.into_string().ok()?))
        };
        Surroundings {
            vars: std::env::vars_os().filter_map(utf8).collect(),
            environment: Environment::of_this_process(),
            uid: rustix::process::geteuid().as_raw(),
            exe: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("pmon3")),
        }
    }

    /// The caller's working directory.
    ///
    /// # Errors
    /// When it was removed, or its name is not UTF-8.
    pub(super) fn cwd(&self) -> Result<String, Failure> {
        let cwd =
            std::env::current_dir().map_err(|e| Failure::new(format!("cannot tell the working directory: {e}")))?;
        cwd.into_os_string().into_string().map_err(|cwd| {
            Failure::new(format!(
                "the name of the working directory is not UTF-8: {}",
                cwd.to_string_lossy()
            ))
        })
    }

    /// The zone in which times are shown. Finding it takes a file, so only who shows times asks.
    pub(super) fn zone(&self) -> TimeZone {
        zone::local(self.vars.get("TZ").map(String::as_str))
    }

    /// Whether this variable asks for something: `true`, `1`, anything but `false`, `0` and nothing.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.vars
            .get(name)
            .is_some_and(|value| !matches!(value.to_lowercase().as_str(), "" | "0" | "false"))
    }
}

/// One run of one command.
pub(super) struct Session {
    pub(super) around: Surroundings,
    pub(super) printer: Printer,
}

impl Session {
    /// The daemon that answers.
    ///
    /// # Errors
    /// `pmond must be running`.
    pub(super) async fn daemon(&mut self) -> Result<Client, Failure> {
        match connect::find(&self.around).await? {
            Ok(client) => Ok(client),
            Err(nobody) => Err(nobody.into_failure()),
        }
    }

    /// The daemon that answers, or one that is started now.
    ///
    /// # Errors
    /// When none answers and none may or can be started.
    pub(super) async fn daemon_or_start(&mut self) -> Result<Client, Failure> {
        match connect::find(&self.around).await? {
            Ok(client) => Ok(client),
            Err(nobody) => start::start(self, nobody).await,
        }
    }

    /// What was asked for; the warnings beside it are passed on.
    ///
    /// # Errors
    /// What the daemon, or the way to it, says.
    pub(super) fn heard<T>(&mut self, answer: Result<Answer<T>, ClientError>) -> Result<T, Failure> {
        let answer = answer?;
        for warning in &answer.warnings {
            self.printer.warning(warning);
        }
        Ok(answer.value)
    }
}
