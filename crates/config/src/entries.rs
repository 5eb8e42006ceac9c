//! The process configuration: a list of entries.

use crate::entry::{Entry, FIELDS, check_name};
use crate::error::{ConfigError, Place, one_line, shortened, warn};
use crate::format::{self, Format};
use crate::nearest::nearest;
use crate::node::{Key, Mark, Node, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a process configuration says.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The processes in their order.
    pub entries: Vec<Entry>,
    /// What whoever wrote the file should look at, one line each.
    pub warnings: Vec<String>,
    file: PathBuf,
    /// Where each entry and each of its fields is, in the order of the entries.
    marks: Vec<(Mark, BTreeMap<&'static str, Mark>)>,
}

impl Entries {
    /// How a message about a field of the entry at `index` begins: `FILE:LINE:COLUMN: process 2 (web): user`. For what only
    /// shows when the entry is used. The place is that of the whole entry where the field was not given.
    pub fn place(&self, index: usize, field: &str) -> String {
        let place = match self.marks.get(index) {
            Some((entry, fields)) => Place::line(&self.file, *fields.get(field).unwrap_or(entry)),
            None => Place::File(self.file.clone()),
        };
        let name = self.entries.get(index).map(Entry::name_or_default);
        format!("{place}: {}{field}", called(index, name))
    }
}

/// How messages call a process.
fn called(index: usize, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("process {} ({}): ", index + 1, name.escape_debug()),
        None => format!("process {}: ", index + 1),
    }
}

/// The processes of a file in JSON, YAML or TOML (by its extension; any other is taken for YAML).
///
/// # Errors
/// A file that does not exist, cannot be read or is not in its format; a value that its field does not take; two
/// processes of one name. The error names file, line, column, the process and the field.
pub fn read_entries(path: &Path) -> Result<Vec<Entry>, ConfigError> {
    load_entries(path).map(|entries| entries.entries)
}

/// The same, with what is to be said about the file.
///
/// # Errors
/// See [`read_entries`].
pub fn load_entries(path: &Path) -> Result<Entries, ConfigError> {
    let Some(text) = format::read(path)? else {
        return Err(ConfigError::new(Place::File(path.to_owned()), "does not exist"));
    };
    parse_entries(path, &text, Format::of(path).unwrap_or(Format::Yaml))
}

/// The same from a text. `path` is what messages call it.
///
/// # Errors
/// See [`read_entries`].
pub fn parse_entries(path: &Path, text: &str, format: Format) -> Result<Entries, ConfigError> {
    let root = format::parse(path, text, format)?;
    let mut reading = Reading {
        format,
        result: Entries {
            file: path.to_owned(),
            ..Entries::default()
        },
        names: BTreeMap::new(),
    };
    reading.root(&root)?;
    let mut result = reading.result;
    result.warnings = shortened(result.warnings);
    Ok(result)
}

struct Reading {
    format: Format,
    result: Entries,
    /// On which line each process is.
    names: BTreeMap<String, usize>,
}

impl Reading {
    fn error(&self, mark: Mark, problem: String) -> ConfigError {
        ConfigError::new(Place::line(&self.result.file, mark), problem)
    }

    fn given_twice(&self, key: &Key, of: &str, first: Mark) -> ConfigError {
        let (name, line) = (&key.text, first.line);
        self.error(
            key.mark,
            format!("{of}{name}: given twice, first on line {line}; remove one of them"),
        )
    }

    fn warn_of_unknown(&mut self, key: &Key, of: &str, known: impl Iterator<Item = &'static str>) {
        let place = Place::line(&self.result.file, key.mark);
        warn(&mut self.result.warnings, || {
            let hint = nearest(&key.text, known).map(|name| format!(", the nearest known one is {name}"));
            one_line(&format!(
                "{place}: {of}unknown field {}{}",
                key.text,
                hint.unwrap_or_default()
            ))
        });
    }

    /// Whether a key is this field. TOML's are matched without regard to case and underscores.
    fn is(&self, key: &Key, name: &str) -> bool {
        let plain = |text: &str| text.to_lowercase().replace('_', "");
        match self.format {
            Format::Toml => plain(&key.text) == plain(name),
            Format::Json | Format::Yaml => key.text == name,
        }
    }

    fn root(&mut self, root: &Node) -> Result<(), ConfigError> {
        let keys = match &root.value {
            Value::Map(keys) => keys,
            Value::Null => return Ok(()),
            _ => {
                let problem = format!("found {}, wanted a map with the key processes", root.found());
                return Err(self.error(root.mark, problem));
            }
        };
        let mut seen: Option<Mark> = None;
        for (key, value) in keys {
            if !self.is(key, "processes") {
                self.warn_of_unknown(key, "", std::iter::once("processes"));
            } else if let Some(first) = seen.replace(key.mark) {
                return Err(self.given_twice(key, "", first));
            } else {
                self.processes(key, value)?;
            }
        }
        Ok(())
    }

    fn processes(&mut self, key: &Key, value: &Node) -> Result<(), ConfigError> {
        let items = match &value.value {
            Value::List(items) => items,
            Value::Null => return Ok(()),
            _ => {
                let problem = format!("{}: found {}, wanted a list of processes", key.text, value.found());
                return Err(self.error(value.mark, problem));
            }
        };
        items
            .iter()
            .enumerate()
            .try_for_each(|(index, item)| self.entry(index, item))
    }

    fn entry(&mut self, index: usize, node: &Node) -> Result<(), ConfigError> {
        let Value::Map(keys) = &node.value else {
            let problem = format!("{}found {}, wanted a map of fields", called(index, None), node.found());
            return Err(self.error(node.mark, problem));
        };
        let of = called(index, self.own_name(keys));
        let mut entry = Entry::default();
        let mut marks: BTreeMap<&str, Mark> = BTreeMap::new();
        for (key, value) in keys {
            let Some(field) = FIELDS.iter().find(|field| self.is(key, field.name)) else {
                self.warn_of_unknown(key, &of, FIELDS.iter().map(|field| field.name));
                continue;
            };
            if let Some(first) = marks.insert(field.name, key.mark) {
                return Err(self.given_twice(key, &of, first));
            }
            // The only field that has no default.
            if field.name == "file" || !value.is_empty() {
                (field.set)(&mut entry, value)
                    .map_err(|problem| self.error(value.mark, format!("{of}{}: {problem}", key.text)))?;
            }
        }
        if entry.file.is_empty() {
            let problem = format!("{of}file: found nothing, wanted the path of a program");
            return Err(self.error(*marks.get("file").unwrap_or(&node.mark), problem));
        }
        self.check_name(
            &entry,
            &of,
            *marks.get("name").or(marks.get("file")).unwrap_or(&node.mark),
        )?;
        self.result.entries.push(entry);
        self.result.marks.push((node.mark, marks));
        Ok(())
    }

    /// A name that comes from the file has to be one, too. No two may be the same.
    fn check_name(&mut self, entry: &Entry, of: &str, mark: Mark) -> Result<(), ConfigError> {
        let name = entry.name_or_default();
        check_name(name).map_err(|bad| self.error(mark, format!("{of}name: found {name:?}: {bad}; give it a name")))?;
        match self.names.insert(name.to_owned(), mark.line) {
            Some(first) => Err(self.error(
                mark,
                format!("{of}name: the process on line {first} is {name}, too; give one of them another name"),
            )),
            None => Ok(()),
        }
    }

    fn own_name<'n>(&self, keys: &'n [(Key, Node)]) -> Option<&'n str> {
        let (_, node) = keys.iter().find(|(key, _)| self.is(key, "name"))?;
        match &node.value {
            Value::Text(text) | Value::Plain(text) => Some(text),
            Value::Null | Value::Literal(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}
