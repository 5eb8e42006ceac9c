//! The process configuration: entries of processes.

use crate::decode;
use crate::error::{ConfigError, Place};
use crate::format::{self, Format};
use crate::nearest::nearest;
use crate::node::{Key, Mark, Node, Value, shortened};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// One process of a process configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The program.
    pub file: String,
    /// What it is called; the base name of `file` if it is not said.
    pub name: Option<String>,
    /// What the program is given.
    pub args: Vec<String>,
    /// What is added to its environment.
    pub env_vars: BTreeMap<String, String>,
    /// Whom it runs as.
    pub user: Option<String>,
    /// The file its output goes to.
    pub log: Option<String>,
    /// The directory its log is in.
    pub log_dir: Option<String>,
    /// Whether it stays down once it ended.
    pub no_auto_restart: bool,
    /// Names of processes that run before it starts.
    pub dependencies: Vec<String>,
    /// Names of groups it is in.
    pub groups: Vec<String>,
    /// The working directory.
    pub cwd: Option<String>,
    /// How long it has to end by itself before it is killed.
    pub stop_timeout: Option<Duration>,
}

/// The fields, as JSON and YAML call them.
pub(crate) const FIELDS: [&str; 12] = [
    "file",
    "name",
    "args",
    "env_vars",
    "user",
    "log",
    "log_dir",
    "no_auto_restart",
    "dependencies",
    "groups",
    "cwd",
    "stop_timeout",
];

/// The longest `stop_timeout`, in seconds.
const DAY: u64 = 24 * 60 * 60;

/// What a process configuration says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entries {
    /// The processes in their order.
    pub entries: Vec<Entry>,
    /// What whoever wrote the file should look at.
    pub warnings: Vec<String>,
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
        path,
        format,
        entries: Entries::default(),
        names: BTreeMap::new(),
    };
    reading.root(&root)?;
    Ok(reading.entries)
}

struct Reading<'a> {
    path: &'a Path,
    format: Format,
    entries: Entries,
    /// On which line each process is.
    names: BTreeMap<String, usize>,
}

impl Reading<'_> {
    fn error(&self, mark: Mark, problem: String) -> ConfigError {
        ConfigError::new(Place::line(self.path, mark), problem)
    }

    fn map<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [(Key, Node)], ConfigError> {
        match &node.value {
            Value::Map(entries) => Ok(entries),
            _ => Err(self.error(node.mark, format!("found {}, wanted {what}", node.found()))),
        }
    }

    /// A key as the fields are called here. TOML's are matched without regard to case and underscores.
    fn known<'k>(&self, text: &str, known: &[&'k str]) -> Option<&'k str> {
        let plain = |text: &str| text.to_lowercase().replace('_', "");
        match self.format {
            Format::Toml => known.iter().copied().find(|name| plain(name) == plain(text)),
            Format::Json | Format::Yaml => known.iter().copied().find(|name| *name == text),
        }
    }

    fn unknown(&mut self, key: &Key, of: &str, known: &[&str]) {
        let hint = nearest(&key.text, known.iter().copied()).map(|name| format!(", the nearest known one is {name}"));
        let place = Place::line(self.path, key.mark);
        self.entries.warnings.push(format!(
            "{place}: {of}unknown field {}{}",
            key.text,
            hint.unwrap_or_default()
        ));
    }

    fn root(&mut self, root: &Node) -> Result<(), ConfigError> {
        const WANTED: &str = "a map with the key processes";
        if matches!(root.value, Value::Null) {
            return Ok(());
        }
        let mut seen: Option<Mark> = None;
        for (key, value) in self.map(root, WANTED)? {
            if self.known(&key.text, &["processes"]).is_none() {
                self.unknown(key, "", &["processes"]);
                continue;
            }
            if let Some(first) = seen.replace(key.mark) {
                return Err(self.error(
                    key.mark,
                    format!("{}: given twice, first on line {}", key.text, first.line),
                ));
            }
            match &value.value {
                Value::Null => {}
                Value::List(items) => {
                    for (index, item) in items.iter().enumerate() {
                        self.entry(index, item)?;
                    }
                }
                _ => {
                    let problem = format!("{}: found {}, wanted a list of processes", key.text, value.found());
                    return Err(self.error(value.mark, problem));
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, index: usize, node: &Node) -> Result<(), ConfigError> {
        let fields = match &node.value {
            Value::Map(fields) => fields,
            _ => {
                let problem = format!("process {}: found {}, wanted a map of fields", index + 1, node.found());
                return Err(self.error(node.mark, problem));
            }
        };
        let of = self.called(index, fields);
        let mut entry = Entry::default();
        let mut seen: BTreeMap<&str, Mark> = BTreeMap::new();
        for (key, value) in fields {
            let Some(field) = self.known(&key.text, &FIELDS) else {
                self.unknown(key, &of, &FIELDS);
                continue;
            };
            if let Some(first) = seen.insert(field, key.mark) {
                let problem = format!(
                    "{of}{}: given twice, first on line {}; remove one of them",
                    key.text, first.line
                );
                return Err(self.error(key.mark, problem));
            }
            if !matches!(value.value, Value::Null) {
                set(&mut entry, field, value)
                    .map_err(|problem| self.error(value.mark, format!("{of}{}: {problem}", key.text)))?;
            }
        }
        if entry.file.is_empty() {
            return Err(self.error(
                node.mark,
                format!("{of}file: found nothing, wanted the path of a program"),
            ));
        }
        let name = entry.name.clone().unwrap_or_else(|| base_name(&entry.file).to_owned());
        let line = seen.get("name").or(seen.get("file")).unwrap_or(&node.mark);
        if let Some(first) = self.names.insert(name.clone(), line.line) {
            let problem = format!(
                "name: a process {} is on line {first} already; give one of them another",
                shortened(&name)
            );
            return Err(self.error(*line, format!("{of}{problem}")));
        }
        self.entries.entries.push(entry);
        Ok(())
    }

    /// How messages call the process: by name if it has one.
    fn called(&self, index: usize, fields: &[(Key, Node)]) -> String {
        let name = fields
            .iter()
            .find(|(key, _)| self.known(&key.text, &["name"]).is_some());
        match name.map(|(_, node)| decode::text(node)) {
            Some(Ok(name)) => format!("process {} ({}): ", index + 1, name.escape_debug()),
            _ => format!("process {}: ", index + 1),
        }
    }
}

fn base_name(file: &str) -> &str {
    file.trim_end_matches('/').rsplit('/').next().unwrap_or(file)
}

fn set(entry: &mut Entry, field: &str, node: &Node) -> Result<(), decode::Problem> {
    match field {
        "file" => entry.file = decode::text(node)?,
        "name" => entry.name = Some(decode::text(node)?).filter(|text| !text.is_empty()),
        "args" => entry.args = decode::word_list(node)?,
        "env_vars" => entry.env_vars = decode::variables(node)?,
        "user" => entry.user = Some(decode::text(node)?).filter(|text| !text.is_empty()),
        "log" => entry.log = Some(decode::text(node)?).filter(|text| !text.is_empty()),
        "log_dir" => entry.log_dir = Some(decode::text(node)?).filter(|text| !text.is_empty()),
        "no_auto_restart" => entry.no_auto_restart = decode::truth(node)?,
        "dependencies" => entry.dependencies = decode::names(node)?,
        "groups" => entry.groups = decode::names(node)?,
        "cwd" => entry.cwd = Some(decode::text(node)?).filter(|text| !text.is_empty()),
        "stop_timeout" => entry.stop_timeout = Some(decode::seconds(node, DAY)?),
        _ => {}
    }
    Ok(())
}
