//! A key: its names, its kind, and where its value is in [`Settings`].

use super::{LogLevel, ProcessTree, Settings};
use crate::decode::{self, Problem};
use crate::node::Node;
use crate::words::join_words;
use std::path::PathBuf;
use std::time::Duration;

/// One line of the table of keys.
pub(crate) struct Key {
    /// The name in the flat form, or the path of a key that only the nested form has.
    pub(crate) name: &'static str,
    /// The path in the nested form, if it has another name there.
    pub(crate) nested: Option<&'static str>,
    /// The name of its `CONFIGOR_` variable where that is not the key's own.
    pub(crate) configor: Option<&'static str>,
    /// What values it takes.
    pub(crate) kind: Kind,
    /// What it is for, as a comment in config.yml.
    pub(crate) doc: &'static str,
}

/// Where a value of one type is.
pub(crate) type Slot<T> = fn(&mut Settings) -> &mut T;

/// What values a key takes, and where they go.
pub(crate) enum Kind {
    Truth(Slot<bool>),
    Count(Slot<u32>, u32, u32),
    /// Whole milliseconds between two bounds.
    Milliseconds(Slot<Duration>, u64, u64),
    /// Whole seconds up to a bound.
    Seconds(Slot<Duration>, u64),
    /// Seconds with a fraction, up to a bound.
    Fraction(Slot<Duration>, u64),
    Path(Slot<PathBuf>),
    OptionalPath(Slot<Option<PathBuf>>),
    Name(Slot<Option<String>>),
    Command(Slot<Vec<String>>),
    /// Permission bits, octal.
    Mode(Slot<Option<u32>>),
    Level(Slot<LogLevel>),
    Tree(Slot<ProcessTree>),
}

impl Key {
    /// All names in files.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.nested)
    }

    /// All environment variables, the stronger ones first.
    pub(crate) fn variables(&self) -> Vec<String> {
        let own = match self.name {
            "process_config_file" => Some("PMON3_PROCESS_CONF".to_owned()),
            _ => None,
        };
        let pmon3 = self
            .names()
            .map(|name| format!("PMON3_{}", name.replace('.', "_").to_uppercase()));
        // As the predecessor's library makes them: field names without underscores, sections before an underscore.
        let configor = self.names().enumerate().map(|(index, name)| match self.configor {
            Some(configor) if index == 0 => format!("CONFIGOR_{configor}"),
            _ => format!("CONFIGOR_{}", name.replace('_', "").replace('.', "_").to_uppercase()),
        });
        let mut all: Vec<String> = own.into_iter().chain(pmon3).chain(configor).collect();
        // The section that files call event_handling is called EventHandler in the predecessor's code, from which its
        // library makes the variables.
        if let Some(nested) = self.nested.and_then(|nested| nested.strip_prefix("event_handling.")) {
            let name = nested.replace('_', "").to_uppercase();
            all.push(format!("CONFIGOR_EVENTHANDLER_{name}"));
        }
        all
    }

    /// Takes the value over into the settings.
    pub(crate) fn set(&self, settings: &mut Settings, node: &Node) -> Result<(), Problem> {
        match &self.kind {
            Kind::Truth(slot) => *slot(settings) = decode::truth(node)?,
            Kind::Count(slot, min, max) => {
                *slot(settings) = decode::whole(node, u64::from(*min), u64::from(*max), "")? as u32;
            }
            Kind::Milliseconds(slot, min, max) => {
                *slot(settings) = Duration::from_millis(decode::whole(node, *min, *max, " (milliseconds)")?);
            }
            Kind::Seconds(slot, max) => {
                *slot(settings) = Duration::from_secs(decode::whole(node, 0, *max, " (seconds)")?);
            }
            Kind::Fraction(slot, max) => *slot(settings) = decode::seconds(node, *max)?,
            Kind::Path(slot) => *slot(settings) = path(node)?,
            Kind::OptionalPath(slot) => *slot(settings) = Some(path(node)?),
            Kind::Name(slot) => *slot(settings) = Some(decode::text(node)?),
            Kind::Command(slot) => *slot(settings) = decode::word_list(node)?,
            Kind::Mode(slot) => *slot(settings) = Some(mode(node)?),
            Kind::Level(slot) => *slot(settings) = decode::one_of(node, &LogLevel::WORDS)?,
            Kind::Tree(slot) => *slot(settings) = decode::one_of(node, &ProcessTree::WORDS)?,
        }
        Ok(())
    }

    /// The value as one would write it in config.yml (without quotes); empty for none.
    pub(crate) fn show(&self, settings: &Settings) -> String {
        let settings = &mut settings.clone();
        match &self.kind {
            Kind::Truth(slot) => slot(settings).to_string(),
            Kind::Count(slot, ..) => slot(settings).to_string(),
            Kind::Milliseconds(slot, ..) => slot(settings).as_millis().to_string(),
            Kind::Seconds(slot, _) => slot(settings).as_secs().to_string(),
            Kind::Fraction(slot, _) => slot(settings).as_secs_f64().to_string(),
            Kind::Path(slot) => slot(settings).display().to_string(),
            Kind::OptionalPath(slot) => slot(settings)
                .as_ref()
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            Kind::Name(slot) => slot(settings).clone().unwrap_or_default(),
            Kind::Command(slot) => join_words(slot(settings)),
            Kind::Mode(slot) => slot(settings).map(|mode| format!("{mode:04o}")).unwrap_or_default(),
            Kind::Level(slot) => word(&LogLevel::WORDS, *slot(settings)),
            Kind::Tree(slot) => word(&ProcessTree::WORDS, *slot(settings)),
        }
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], value: T) -> String {
    words
        .iter()
        .find(|(_, other)| *other == value)
        .map(|(name, _)| (*name).to_owned())
        .unwrap_or_default()
}

fn path(node: &Node) -> Result<PathBuf, Problem> {
    let path = PathBuf::from(decode::text(node).map_err(|_| decode::wanted(node, "an absolute path"))?);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(decode::wanted(node, "an absolute path"))
    }
}

fn mode(node: &Node) -> Result<u32, Problem> {
    let wanted = || decode::wanted(node, "permission bits from 0000 to 0777 (octal)");
    let text = decode::text(node).map_err(|_| wanted())?;
    let digits = text.strip_prefix("0o").unwrap_or(&text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && digits.len() <= 4 && !digits.starts_with('+') => Ok(mode),
        _ => Err(wanted()),
    }
}
