//! Defaults, the file and the environment, one over the other.

use super::key::{Key, Kind};
use super::table::KEYS;
use super::{LogLevel, Settings};
use crate::decode::one_of;
use crate::environment::Environment;
use crate::error::{ConfigError, Place};
use crate::format::{self, Format};
use crate::nearest::nearest;
use crate::node::{Mark, Node, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

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
    /// Where each value that is not a default comes from.
    pub origins: BTreeMap<&'static str, Origin>,
    /// What whoever wrote the configuration should look at.
    pub warnings: Vec<String>,
    /// What is accepted without any effect.
    pub notes: Vec<String>,
}

impl Loaded {
    /// Every key with its value and where it comes from.
    pub fn shown(&self) -> Vec<Shown> {
        let origin = |key: &Key| self.origins.get(key.name).cloned().unwrap_or(Origin::Default);
        KEYS.iter()
            .map(|key| Shown {
                key: key.name,
                value: key.show(&self.settings),
                origin: origin(key),
            })
            .collect()
    }
}

/// The settings of this environment: `PMON3_*` over `CONFIGOR_*` over the file over the defaults. A missing file is an
/// empty one.
///
/// # Errors
/// A file that cannot be read or is not YAML, or a value that its key does not take. Nothing is applied then.
pub fn load(environment: &Environment) -> Result<Loaded, ConfigError> {
    load_file(environment, &environment.config_file())
}

/// The same with a certain file.
///
/// # Errors
/// See [`load`].
pub fn load_file(environment: &Environment, file: &Path) -> Result<Loaded, ConfigError> {
    let mut loading = Loading {
        file,
        loaded: Loaded {
            settings: Settings::defaults(environment),
            origins: BTreeMap::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        },
        seen: BTreeMap::new(),
    };
    if let Some(text) = format::read(file)? {
        let root = format::parse(file, &text, Format::of(file).unwrap_or(Format::Yaml))?;
        loading.section("", &root)?;
    }
    for key in KEYS {
        loading.variables(environment, key)?;
    }
    loading.debug(environment)?;
    loading.misspelt(environment);
    loading.finish(environment)?;
    Ok(loading.loaded)
}

/// Our variables that set no key.
const OTHERS: [&str; 3] = ["PMON3_CONF", "PMON3_DEBUG", "PMON3_MARK"];

struct Loading<'a> {
    file: &'a Path,
    loaded: Loaded,
    /// Where each key was given in the file.
    seen: BTreeMap<&'static str, Mark>,
}

fn is_section(path: &str) -> bool {
    KEYS.iter()
        .flat_map(Key::names)
        .any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

impl Loading<'_> {
    fn error(&self, mark: Mark, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(Place::line(self.file, mark), problem)
    }

    /// Takes over a map of keys; `prefix` is its own path with a dot.
    fn section(&mut self, prefix: &str, node: &Node) -> Result<(), ConfigError> {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return Ok(()),
            _ => {
                let what = prefix
                    .strip_suffix('.')
                    .map(|section| format!("{section}: "))
                    .unwrap_or_default();
                return Err(self.error(node.mark, format!("{what}found {}, wanted a map of keys", node.found())));
            }
        };
        for (index, (key, value)) in entries.iter().enumerate() {
            if let Some((first, _)) = entries[..index].iter().find(|(other, _)| other.text == key.text) {
                return Err(self.given_twice(&format!("{prefix}{}", key.text), first.mark, key.mark));
            }
            self.entry(&format!("{prefix}{}", key.text), key.mark, value)?;
        }
        Ok(())
    }

    fn given_twice(&self, name: &str, first: Mark, second: Mark) -> ConfigError {
        self.error(
            second,
            format!("{name}: given twice, first on line {}; remove one of them", first.line),
        )
    }

    fn entry(&mut self, path: &str, mark: Mark, value: &Node) -> Result<(), ConfigError> {
        if is_section(path) {
            return self.section(&format!("{path}."), value);
        }
        let Some(key) = KEYS.iter().find(|key| key.names().any(|name| name == path)) else {
            let place = Place::line(self.file, mark);
            self.loaded
                .warnings
                .push(format!("{place}: unknown key {path}{}", hint(path)));
            return Ok(());
        };
        if let Some(first) = self.seen.insert(key.name, mark) {
            return Err(self.given_twice(path, first, mark));
        }
        if matches!(value.value, Value::Null) {
            return Ok(());
        }
        key.set(&mut self.loaded.settings, value)
            .map_err(|problem| self.error(value.mark, format!("{path}: {problem}")))?;
        if key.is_unused() {
            let place = Place::line(self.file, mark);
            self.loaded.notes.push(format!(
                "{place}: {path} has no effect any more: pmond talks over a socket"
            ));
        }
        self.loaded
            .origins
            .insert(key.name, Origin::File(self.file.to_owned(), mark.line));
        Ok(())
    }

    fn variables(&mut self, environment: &Environment, key: &Key) -> Result<(), ConfigError> {
        for name in key.variables() {
            let Some(value) = environment.variable(&name) else {
                continue;
            };
            let problem =
                |problem: &str| ConfigError::new(Place::Variable(name.clone()), format!("{}: {problem}", key.name));
            let value = value
                .to_str()
                .ok_or_else(|| problem("found a value that is not UTF-8, wanted a text"))?;
            let value = match key.kind {
                Kind::Path(_) | Kind::OptionalPath(_) => environment.absolute(value).display().to_string(),
                _ => value.to_owned(),
            };
            let node = Node {
                mark: Mark { line: 1, column: 1 },
                value: Value::Plain(value),
            };
            key.set(&mut self.loaded.settings, &node)
                .map_err(|text| problem(&text))?;
            if key.is_unused() {
                self.loaded.notes.push(format!(
                    "environment variable {name} has no effect any more: pmond talks over a socket"
                ));
            }
            self.loaded.origins.insert(key.name, Origin::Variable(name));
            return Ok(());
        }
        Ok(())
    }

    /// Variables that look like ours and are not.
    fn misspelt(&mut self, environment: &Environment) {
        let known: Vec<String> = KEYS
            .iter()
            .flat_map(Key::variables)
            .chain(OTHERS.map(str::to_owned))
            .collect();
        for name in ["PMON3_", "CONFIGOR_"]
            .iter()
            .flat_map(|prefix| environment.with_prefix(prefix))
        {
            if known.iter().any(|other| other == name) {
                continue;
            }
            if let Some(other) = nearest(name, known.iter().map(String::as_str)) {
                let warning = format!("environment variable {name}: unknown, the nearest known one is {other}");
                self.loaded.warnings.push(warning);
            }
        }
    }

    /// `PMON3_DEBUG` is stronger than everything else about the level.
    fn debug(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        const NAME: &str = "PMON3_DEBUG";
        let Some(value) = environment.variable(NAME) else {
            return Ok(());
        };
        let text = value.to_string_lossy().into_owned();
        let node = Node {
            mark: Mark { line: 1, column: 1 },
            value: Value::Plain(text),
        };
        let words = [("true", LogLevel::Debug)]
            .into_iter()
            .chain(LogLevel::WORDS)
            .collect::<Vec<_>>();
        self.loaded.settings.log_level =
            one_of(&node, &words).map_err(|problem| ConfigError::new(Place::Variable(NAME.to_owned()), problem))?;
        self.loaded
            .origins
            .insert("log_level", Origin::Variable(NAME.to_owned()));
        Ok(())
    }

    /// Defaults that depend on other values, and what two values must agree on.
    fn finish(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        let Loaded { settings, origins, .. } = &mut self.loaded;
        if !origins.contains_key("socket") {
            settings.socket = environment.default_socket(&settings.data_dir);
        }
        if settings.restart_delay > settings.restart_delay_max {
            match origins.get("restart_delay_max") {
                None => settings.restart_delay_max = settings.restart_delay,
                Some(origin) => {
                    let problem = format!(
                        "restart_delay_max: found {} ({origin}), wanted at least restart_delay, which is {}",
                        settings.restart_delay_max.as_millis(),
                        settings.restart_delay.as_millis()
                    );
                    return Err(ConfigError::new(Place::File(self.file.to_owned()), problem));
                }
            }
        }
        Ok(())
    }
}

fn hint(path: &str) -> String {
    match nearest(path, KEYS.iter().flat_map(Key::names)) {
        Some(name) => format!(", the nearest known key is {name}"),
        None => String::new(),
    }
}
