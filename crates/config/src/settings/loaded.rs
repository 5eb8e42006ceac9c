//! What loading gives: the settings, and where each came from.

use super::Settings;
use super::table::KEYS;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => write!(f, "default"),
            Origin::File(file, line) => write!(f, "{}:{line}", file.display()),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A key with its value, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The key's name in the configuration file.
    pub key: &'static str,
    /// The value as one would write it there; empty for none.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// A configuration that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub settings: Settings,
    /// Where each value that is not a default comes from, by the key's name in the configuration file.
    pub origins: BTreeMap<&'static str, Origin>,
    /// What whoever wrote the configuration should look at, one line each.
    pub warnings: Vec<String>,
    /// What is accepted without any effect, one line each.
    pub notes: Vec<String>,
}

impl Loaded {
    /// Every key with its value and where it comes from.
    pub fn shown(&self) -> Vec<Shown> {
        KEYS.iter()
            .map(|key| Shown {
                key: key.name,
                value: key.show(&self.settings),
                origin: self.origin(key.name),
            })
            .collect()
    }

    /// Where the value of this key comes from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }
}
