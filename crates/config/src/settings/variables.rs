//! What environment variables say of the settings.

use super::LogLevel;
use super::key::{Key, Kind};
use super::loaded::{Loaded, Origin};
use super::table::KEYS;
use crate::decode::one_of;
use crate::environment::Environment;
use crate::error::{ConfigError, Place, one_line};
use crate::nearest::nearest;
use crate::node::{Mark, Node, Value};

/// Stronger than everything else about the level of the log.
const DEBUG: &str = "PMON3_DEBUG";
/// Our variables that set no key.
const OTHERS: [&str; 4] = [DEBUG, "PMON3_COMPLETE", "PMON3_CONF", "PMON3_MARK"];

/// Takes over what the variables say.
pub(super) fn apply(environment: &Environment, loaded: &mut Loaded) -> Result<(), ConfigError> {
    for key in KEYS {
        let first = key
            .variables()
            .into_iter()
            .find(|name| environment.variable(name).is_some());
        if let Some(name) = first {
            set(environment, loaded, key, name)?;
        }
    }
    debug(environment, loaded);
    warn_of_misspelt(environment, loaded);
    Ok(())
}

/// The value of a variable as YAML without quotes: what it means depends on the key there, too.
fn plain(text: String) -> Node {
    Node {
        mark: Mark { line: 1, column: 1 },
        value: Value::Plain(text),
    }
}

fn set(environment: &Environment, loaded: &mut Loaded, key: &Key, name: String) -> Result<(), ConfigError> {
    let problem = |problem: String| {
        let place = Place::Variable(name.clone());
        ConfigError::new(place, format!("{}: {problem}", key.name))
    };
    let value = environment.variable(&name).unwrap_or_default().to_str();
    let value = value.ok_or_else(|| problem("found a value that is not UTF-8, wanted a text".to_owned()))?;
    let value = match (&key.kind, value) {
        (Kind::Path(_) | Kind::OptionalPath(_), path) => environment.absolute(path).display().to_string(),
        // As variables are switched everywhere.
        (Kind::Truth(_), "1") => "true".to_owned(),
        (Kind::Truth(_), "0") => "false".to_owned(),
        (_, value) => value.to_owned(),
    };
    key.set(&mut loaded.settings, &plain(value)).map_err(problem)?;
    if key.is_unused() {
        let note = format!("environment variable {name} has no effect any more: pmond listens on a socket");
        loaded.notes.push(note);
    }
    loaded.origins.insert(key.name, Origin::Variable(name));
    Ok(())
}

/// A word that means nothing is no reason to start nothing: the variable is only for looking into what goes on.
fn debug(environment: &Environment, loaded: &mut Loaded) {
    let Some(value) = environment.variable(DEBUG) else {
        return;
    };
    let text = match value.to_string_lossy().as_ref() {
        "false" | "0" => return,
        "1" => "true".to_owned(),
        text => text.to_owned(),
    };
    let words: Vec<(&str, LogLevel)> = [("true", LogLevel::Debug)].into_iter().chain(LogLevel::WORDS).collect();
    match one_of(&plain(text), &words) {
        Ok(level) => {
            loaded.settings.log_level = level;
            loaded.origins.insert("log_level", Origin::Variable(DEBUG.to_owned()));
        }
        Err(problem) => loaded.warnings.push(one_line(&format!(
            "environment variable {DEBUG} has no effect: {problem}"
        ))),
    }
}

/// Variables that look much like ours are mistakes; others with our prefix may be somebody else's.
fn warn_of_misspelt(environment: &Environment, loaded: &mut Loaded) {
    let known: Vec<String> = KEYS
        .iter()
        .flat_map(Key::variables)
        .chain(OTHERS.map(str::to_owned))
        .collect();
    let ours = ["PMON3_", "CONFIGOR_"];
    for name in ours.iter().flat_map(|prefix| environment.with_prefix(prefix)) {
        if known.iter().any(|other| other == name) {
            continue;
        }
        if let Some(other) = nearest(name, known.iter().map(String::as_str)) {
            let warning = format!("environment variable {name} is unknown, the nearest known one is {other}");
            loaded.warnings.push(warning);
        }
    }
}
