//! What can be wrong with a configuration, in words for the person who wrote it.

use crate::node::Mark;
use std::fmt;
use std::path::{Path, PathBuf};

/// Why a configuration cannot be used: one line that names where, which key, what was found and what is wanted.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    place: Place,
    problem: String,
}

/// Where something was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file as a whole.
    File(PathBuf),
    /// A line of a file.
    Line(PathBuf, Mark),
    /// An environment variable.
    Variable(String),
}

impl Place {
    /// A place in a file.
    pub(crate) fn line(file: &Path, mark: Mark) -> Place {
        Place::Line(file.to_owned(), mark)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(file) => write!(f, "{}", file.display()),
            Place::Line(file, mark) => write!(f, "{}:{}:{}", file.display(), mark.line, mark.column),
            Place::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

impl ConfigError {
    pub(crate) fn new(place: Place, problem: impl Into<String>) -> ConfigError {
        ConfigError {
            place,
            problem: one_line(&problem.into()),
        }
    }

    /// The file, if it is one that is at fault and not an environment variable.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(file) | Place::Line(file, _) => Some(file),
            Place::Variable(_) => None,
        }
    }

    /// Line and column in that file, from 1, where they are known.
    pub fn position(&self) -> Option<(usize, usize)> {
        match &self.place {
            Place::Line(_, mark) => Some((mark.line, mark.column)),
            Place::File(_) | Place::Variable(_) => None,
        }
    }
}

/// Who has so many mistakes in one file mends them by looking at it.
const MOST_WARNINGS: usize = 20;

/// Adds a warning. Those that [`shortened`] leaves out are only counted: to make one takes a search.
pub(crate) fn warn(warnings: &mut Vec<String>, warning: impl FnOnce() -> String) {
    let text = if warnings.len() < MOST_WARNINGS {
        warning()
    } else {
        String::new()
    };
    warnings.push(text);
}

/// The first warnings, and how many more there are.
pub(crate) fn shortened(mut warnings: Vec<String>) -> Vec<String> {
    let more = warnings.len().saturating_sub(MOST_WARNINGS);
    warnings.truncate(MOST_WARNINGS);
    if more > 0 {
        warnings.push(format!("… and {more} more warnings"));
    }
    warnings
}

/// What is said is one line, whatever is in the names and texts that it quotes.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        }
    }
    out
}
