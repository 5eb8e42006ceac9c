//! Defaults, the file and the environment, one over the other.

use super::key::Key;
use super::loaded::{Loaded, Origin};
use super::table::KEYS;
use super::{Settings, variables};
use crate::environment::Environment;
use crate::error::{ConfigError, Place, one_line, shortened, warn};
use crate::format::{self, Format};
use crate::nearest::nearest;
use crate::node::{Mark, Node, Value};
use std::collections::BTreeMap;
use std::path::Path;

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
    let mut loaded = Loaded {
        settings: Settings::defaults(environment),
        origins: BTreeMap::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    let mut reading = Reading {
        file,
        loaded: &mut loaded,
        seen: BTreeMap::new(),
    };
    if let Some(text) = format::read(file)? {
        let root = format::parse(file, &text, Format::of(file).unwrap_or(Format::Yaml))?;
        reading.section("", &root)?;
    }
    let seen = reading.seen;
    variables::apply(environment, &mut loaded)?;
    loaded.warnings = shortened(loaded.warnings);
    agree(&mut loaded, environment, file, |key| match seen.get(key) {
        Some((_, mark)) => Place::line(file, *mark),
        None => Place::File(file.to_owned()),
    })?;
    Ok(loaded)
}

/// Takes over what the file says.
struct Reading<'a> {
    file: &'a Path,
    loaded: &'a mut Loaded,
    /// By what name and where each key was given.
    seen: BTreeMap<&'static str, (String, Mark)>,
}

/// Whether this is the path of a map of keys.
fn is_section(path: &str) -> bool {
    let is_below = |name: &str| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    KEYS.iter().flat_map(Key::names).any(is_below)
}

impl Reading<'_> {
    fn error(&self, mark: Mark, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(Place::line(self.file, mark), problem)
    }

    fn given_twice(&self, path: &str, first: Mark, second: Mark) -> ConfigError {
        let line = first.line;
        self.error(
            second,
            format!("{path}: given twice, first on line {line}; remove one of them"),
        )
    }

    /// Takes over a map of keys; `prefix` is its own path with a dot.
    fn section(&mut self, prefix: &str, node: &Node) -> Result<(), ConfigError> {
        let entries = match &node.value {
            Value::Map(entries) => entries,
            Value::Null => return Ok(()),
            _ => {
                let section = prefix.strip_suffix('.').map(|section| format!("{section}: "));
                let problem = format!("found {}, wanted a map of keys", node.found());
                return Err(self.error(node.mark, section.unwrap_or_default() + &problem));
            }
        };
        let mut marks = BTreeMap::new();
        for (key, value) in entries {
            let path = format!("{prefix}{}", key.text);
            if let Some(first) = marks.insert(&key.text, key.mark) {
                return Err(self.given_twice(&path, first, key.mark));
            }
            self.entry(&path, key.mark, value)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, mark: Mark, value: &Node) -> Result<(), ConfigError> {
        if is_section(path) {
            return self.section(&format!("{path}."), value);
        }
        let place = Place::line(self.file, mark);
        let Some(key) = KEYS.iter().find(|key| key.names().any(|name| name == path)) else {
            let warning = || {
                let hint = nearest(path, KEYS.iter().flat_map(Key::names));
                let hint = hint.map(|name| format!(", the nearest known key is {name}"));
                one_line(&format!("{place}: unknown key {path}{}", hint.unwrap_or_default()))
            };
            warn(&mut self.loaded.warnings, warning);
            return Ok(());
        };
        if value.is_empty() {
            return Ok(());
        }
        let mut settings = self.loaded.settings.clone();
        key.set(&mut settings, value)
            .map_err(|problem| self.error(value.mark, format!("{path}: {problem}")))?;
        if let Some((other, first)) = self.seen.get(key.name).cloned() {
            if other == path {
                return Err(self.given_twice(path, first, mark));
            }
            // Both generations in one file: the flat one is what the documentation tells people to write.
            let is_flat = path == key.name;
            let (used, unused) = match is_flat {
                true => ((path, mark), (other.as_str(), first)),
                false => ((other.as_str(), first), (path, mark)),
            };
            let warning = || {
                let place = Place::line(self.file, unused.1);
                let (unused, line, used) = (unused.0, used.1.line, used.0);
                one_line(&format!(
                    "{place}: {unused} has no effect: it is the same as {used} on line {line}, which counts; remove one of them"
                ))
            };
            warn(&mut self.loaded.warnings, warning);
            if !is_flat {
                return Ok(());
            }
        }
        self.seen.insert(key.name, (path.to_owned(), mark));
        self.loaded.settings = settings;
        if key.is_unused() {
            let note = format!("{place}: {path} has no effect any more: pmond listens on a socket");
            self.loaded.notes.push(note);
        }
        let origin = Origin::File(self.file.to_owned(), mark.line);
        self.loaded.origins.insert(key.name, origin);
        Ok(())
    }
}

/// Defaults that depend on other values, and what two values must agree on.
fn agree(
    loaded: &mut Loaded,
    environment: &Environment,
    file: &Path,
    place_in_file: impl Fn(&str) -> Place,
) -> Result<(), ConfigError> {
    if loaded.origin("socket") == Origin::Default {
        loaded.settings.socket = environment.default_socket(&loaded.settings.data_dir);
    }
    if loaded.settings.process_config_file.is_none() {
        loaded.settings.process_config_file = environment.default_process_config_file(file);
    }
    let (delay, max) = (loaded.settings.restart_delay, loaded.settings.restart_delay_max);
    if delay <= max {
        return Ok(());
    }
    let place = match loaded.origin("restart_delay_max") {
        // Who says nothing of the maximum means the delay.
        Origin::Default => {
            loaded.settings.restart_delay_max = delay;
            return Ok(());
        }
        Origin::Variable(name) => Place::Variable(name),
        Origin::File(..) => place_in_file("restart_delay_max"),
    };
    let (delay, max) = (delay.as_millis(), max.as_millis());
    let problem = format!("restart_delay_max: found {max}, wanted at least {delay}, which restart_delay is");
    Err(ConfigError::new(place, problem))
}
