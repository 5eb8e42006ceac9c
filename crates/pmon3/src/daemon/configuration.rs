//! The configuration in force: loaded, watched for changes at each command, and replaced as a whole or not at all.

use super::guard;
use super::mailbox::{Mailbox, Message};
use super::policy;
use pmon3_config::{Entries, Environment, Loaded, Settings};
use pmon3_supervisor::Policy;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// See the module.
pub(crate) struct Configuration {
    environment: Environment,
    settings: Arc<Settings>,
    policy: Policy,
    owner: u32,
    seen: Fingerprint,
    /// Why the file as it is now is not in force.
    broken: Option<String>,
}

/// By what a changed file is told from an unchanged one, without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fingerprint(Option<(u64, u64, u64, i64, i64)>);

impl Fingerprint {
    fn of(path: &Path) -> Fingerprint {
        let metadata = fs::metadata(path).ok();
        Fingerprint(metadata.map(|m| (m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec())))
    }
}

/// Why there are no settings, or no entries.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

impl Configuration {
    /// Loads it for the first time; what is to be said of it goes to the log.
    pub(crate) fn load(environment: Environment, owner: u32) -> Result<Configuration, Error> {
        let seen = Fingerprint::of(&environment.config_file());
        let loaded = read(&environment)?;
        let policy = policy::from_settings(&loaded.settings, owner);
        let settings = Arc::new(loaded.settings);
        Ok(Configuration {
            environment,
            settings,
            policy,
            owner,
            seen,
            broken: None,
        })
    }

    /// The settings in force.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> Arc<Settings> {
        self.settings.clone()
    }

    /// What decisions depend on.
    pub(crate) fn policy(&self) -> Policy {
        self.policy.clone()
    }

    /// How long a command waits for what it caused.
    pub(crate) fn response_wait(&self) -> Duration {
        self.settings.cmd_exec_response_wait
    }

    /// Loads the file again if it changed. Gives back what whoever commands now should know.
    pub(crate) fn refresh(&mut self, mailbox: &Mailbox) -> Vec<String> {
        if !self.settings.disable_reloads && Fingerprint::of(&self.environment.config_file()) != self.seen {
            self.reload(mailbox);
        }
        self.broken.clone().into_iter().collect()
    }

    /// Loads the file again, as SIGHUP asks. A broken one changes nothing.
    pub(crate) fn reload(&mut self, mailbox: &Mailbox) {
        if self.settings.disable_reloads {
            return log::warn!(
                "the configuration is not read again: disable_reloads is set; start pmond anew for that"
            );
        }
        self.seen = Fingerprint::of(&self.environment.config_file());
        match read(&self.environment) {
            Ok(loaded) => {
                self.broken = None;
                self.policy = policy::from_settings(&loaded.settings, self.owner);
                self.settings = Arc::new(loaded.settings);
                super::logger::set_level(self.settings.log_level.into());
                log::info!("the configuration was read again");
                // An owner that is gone needs no settings.
                let _ = mailbox.send(Message::Settings(self.settings.clone()));
            }
            Err(error) => {
                log::error!("the configuration was not taken over, the former one stays in force: {error}");
                self.broken = Some(format!(
                    "the configuration is broken, the former one stays in force: {error}"
                ));
            }
        }
    }

    /// The entries of the process configuration, read now. Warnings about it go to the log, too.
    pub(crate) fn entries(&self) -> Result<Entries, Error> {
        let Some(path) = self.process_file() else {
            return Ok(Entries::default());
        };
        guard::check(&path)?;
        let entries = pmon3_config::load_entries(&path)?;
        for warning in &entries.warnings {
            log::warn!("{warning}");
        }
        Ok(entries)
    }

    /// The file may have come since the configuration was read.
    fn process_file(&self) -> Option<PathBuf> {
        let named = self.settings.process_config_file.clone();
        let config = self.environment.config_file();
        named
            .or_else(|| self.environment.default_process_config_file(&config))
            .filter(|path| path.exists())
    }
}

fn read(environment: &Environment) -> Result<Loaded, Error> {
    guard::check(&environment.config_file())?;
    let loaded = pmon3_config::load(environment)?;
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    for note in &loaded.notes {
        log::info!("{note}");
    }
    Ok(loaded)
}
