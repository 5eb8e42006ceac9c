//! Files of three formats into trees of located values.

mod json;
mod toml;
mod yaml;

use crate::error::{ConfigError, Place};
use crate::node::{Mark, Node, Value};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

/// A format of process configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, fields in snake_case.
    Json,
    /// YAML, fields in snake_case.
    Yaml,
    /// TOML, fields in CamelCase.
    Toml,
}

impl Format {
    /// The format that a file's name tells, if it is one of `json`, `yaml`, `yml` and `toml`.
    pub fn of(path: &Path) -> Option<Format> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Format::named(&extension)
    }

    /// The format with this name.
    pub fn named(name: &str) -> Option<Format> {
        match name {
            "json" => Some(Format::Json),
            "yaml" | "yml" => Some(Format::Yaml),
            "toml" => Some(Format::Toml),
            _ => None,
        }
    }
}

/// No configuration is as large; a wrong file (a log, a device) is.
const LARGEST_FILE: u64 = 1024 * 1024;
/// No configuration is as deep.
const DEEPEST: usize = 64;
/// YAML's aliases make much of little. What they repeat may be this much in all: values, and bytes of text.
const MOST_REPEATED: Size = Size {
    nodes: 100_000,
    bytes: 1024 * 1024,
};

/// How much a value holds.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    fn plus(self, other: Size) -> Size {
        Size {
            nodes: self.nodes.saturating_add(other.nodes),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }

    fn is_within(self, limit: Size) -> bool {
        self.nodes <= limit.nodes && self.bytes <= limit.bytes
    }
}

/// Why a text is not in its format.
pub(crate) struct SyntaxError {
    pub(crate) mark: Option<Mark>,
    pub(crate) problem: String,
}

impl SyntaxError {
    fn at(mark: Mark, problem: impl Into<String>) -> SyntaxError {
        SyntaxError {
            mark: Some(mark),
            problem: problem.into(),
        }
    }
}

/// The text of a file, without a byte order mark. `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let problem = |problem: &str| ConfigError::new(Place::File(path.to_owned()), problem);
    let cannot = |error: io::Error| problem(&format!("cannot be read: {error}"));
    let kind = match fs::metadata(path) {
        Ok(metadata) => metadata.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(cannot(error)),
    };
    // To open a pipe would wait for its writer. /dev/null, for "no configuration", is fine.
    if !kind.is_file() && !kind.is_char_device() {
        return Err(problem("is not a file that can be read as a configuration"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(problem("is larger than 1 MiB, which no configuration is"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        problem(&format!("is not text in UTF-8 (line {line})"))
    })?;
    Ok(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
}

/// The tree of a text. `path` is for the error only.
pub(crate) fn parse(path: &Path, text: &str, format: Format) -> Result<Node, ConfigError> {
    if text.trim().is_empty() {
        return Ok(Node {
            mark: Mark { line: 1, column: 1 },
            value: Value::Null,
        });
    }
    let parsed = match format {
        Format::Json => json::parse(text),
        Format::Yaml => yaml::parse(text),
        Format::Toml => toml::parse(text),
    };
    parsed.map_err(|error| {
        let place = match error.mark {
            Some(mark) => Place::line(path, within(text, mark)),
            None => Place::File(path.to_owned()),
        };
        ConfigError::new(place, error.problem)
    })
}

/// Parsers see what is missing at the end on a line behind the last one, where nobody finds anything.
fn within(text: &str, mark: Mark) -> Mark {
    let count = text.lines().count();
    match text.lines().next_back() {
        Some(last) if mark.line > count => Mark {
            line: count,
            column: last.chars().count() + 1,
        },
        _ => mark,
    }
}
