//! What was asked: the description of one program, checked on construction.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The number by which a person names a process: the smallest integer above all that are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u32);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number by which a person names a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Grows with each start of a process, and is not used again when its id is. Each order and each observation names its run, so that a late
/// exit of run 6 is never taken for the death of run 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run(pub u64);

impl Run {
    /// The run that follows this one.
    #[must_use]
    pub fn next(self) -> Run {
        Run(self.0 + 1)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a process or group: 1 to 128 bytes of ASCII letters, digits, `.`, `_`, `-`, `@`, `:`;
/// not all digits (those are ids), and neither `.` nor `..` (names become file names). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

/// The longest name, in bytes.
pub const NAME_MAX_BYTES: usize = 128;

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// Nothing at all.
    Empty,
    /// More than [`NAME_MAX_BYTES`]; the length found.
    TooLong(usize),
    /// All digits: would be taken for an id.
    AllDigits,
    /// A character outside the permitted ones.
    BadCharacter(char),
    /// `.` or `..`: a directory, not a file name.
    Dots,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadName::Empty => write!(f, "a name must not be empty"),
            BadName::TooLong(n) => write!(f, "a name may have at most {NAME_MAX_BYTES} bytes, this one has {n}"),
            BadName::AllDigits => write!(f, "a name must not be all digits: those are ids"),
            BadName::BadCharacter(c) => {
                write!(f, "{c:?} may not be in a name: letters, digits and . _ - @ : may")
            }
            BadName::Dots => write!(f, "a name must not be `.` or `..`"),
        }
    }
}

impl std::error::Error for BadName {}

impl Name {
    /// Checks `text` against the rules of a name.
    pub fn new(text: impl Into<String>) -> Result<Name, BadName> {
        let text = text.into();
        if text.is_empty() {
            return Err(BadName::Empty);
        }
        if text.len() > NAME_MAX_BYTES {
            return Err(BadName::TooLong(text.len()));
        }
        if let Some(c) = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "._-@:".contains(*c)))
        {
            return Err(BadName::BadCharacter(c));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadName::AllDigits);
        }
        if text == "." || text == ".." {
            return Err(BadName::Dots);
        }
        Ok(Name(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The user that a program runs as, as the user database gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group id.
    pub gid: u32,
}

/// All that is needed to start a program, and how it is to be kept alive.
///
/// Behind the border a `Spec` is simply right: paths are absolute, the user exists, no text holds a NUL byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Unique among all processes.
    pub name: Name,
    /// Absolute path of the program.
    pub file: String,
    /// The file as the user gave it: what the program gets as argv\[0\].
    pub argv0: String,
    /// The arguments after argv\[0\].
    pub args: Vec<String>,
    /// Added to the daemon's own environment.
    pub env: BTreeMap<String, String>,
    /// Absolute path of the working directory.
    pub cwd: String,
    /// Whom it runs as.
    pub user: User,
    /// Absolute path of the file that gets stdout and stderr.
    pub log: String,
    /// Whether it is started again after it ended by itself.
    pub auto_restart: bool,
    /// Names of the processes that must run before it starts.
    pub dependencies: Vec<Name>,
    /// Names of the groups that it is in.
    pub groups: BTreeSet<Name>,
    /// Time from SIGTERM to SIGKILL; `None`: that of the [`Policy`](crate::Policy).
    pub stop_timeout: Option<Duration>,
}

/// Why a set of words is not a [`Spec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSpec {
    /// A path that must be absolute is not; which field, and the path.
    NotAbsolute(&'static str, String),
    /// A text that the kernel would cut short at its NUL byte; which field.
    NulByte(&'static str),
    /// An environment variable's name that is empty or holds `=`.
    BadVariable(String),
    /// A process that depends on itself.
    DependsOnItself(Name),
}

impl fmt::Display for BadSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSpec::NotAbsolute(field, path) => write!(f, "{field}: `{path}` is not an absolute path"),
            BadSpec::NulByte(field) => write!(f, "{field}: holds a NUL byte"),
            BadSpec::BadVariable(name) => write!(f, "env_vars: {name:?} is not a variable's name"),
            BadSpec::DependsOnItself(name) => write!(f, "dependencies: a cycle: {name} -> {name}"),
        }
    }
}

impl std::error::Error for BadSpec {}

impl Spec {
    /// Gives the spec back if it can be carried out as it is written.
    pub fn checked(self) -> Result<Spec, BadSpec> {
        for (field, path) in [("file", &self.file), ("cwd", &self.cwd), ("log", &self.log)] {
            if !path.starts_with('/') {
                return Err(BadSpec::NotAbsolute(field, path.clone()));
            }
        }
        let texts = [
            ("file", &self.file),
            ("file", &self.argv0),
            ("cwd", &self.cwd),
            ("log", &self.log),
        ]
        .into_iter()
        .chain(self.args.iter().map(|a| ("args", a)))
        .chain(self.env.iter().flat_map(|(k, v)| [("env_vars", k), ("env_vars", v)]));
        for (field, text) in texts {
            if text.contains('\0') {
                return Err(BadSpec::NulByte(field));
            }
        }
        if let Some(name) = self.env.keys().find(|k| k.is_empty() || k.contains('=')) {
            return Err(BadSpec::BadVariable(name.clone()));
        }
        if self.dependencies.contains(&self.name) {
            return Err(BadSpec::DependsOnItself(self.name));
        }
        Ok(self)
    }
}

/// One way in which a person names processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By number.
    Id(Id),
    /// By name.
    Name(Name),
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::Id(id) => id.fmt(f),
            Selector::Name(name) => name.fmt(f),
        }
    }
}

impl Selector {
    /// Reads one id or name: all digits is an id.
    pub fn parse(text: &str) -> Result<Selector, BadName> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text
                .parse()
                .map(|n| Selector::Id(Id(n)))
                .map_err(|_| BadName::TooLong(text.len()));
        }
        Name::new(text).map(Selector::Name)
    }

    /// Reads a comma list of ids and names; blanks around the commas do not count.
    pub fn parse_list(text: &str) -> Result<Vec<Selector>, BadName> {
        text.split(',').map(|part| Selector::parse(part.trim())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_characters_and_length_of_the_contract() {
        for good in ["a", "web-1", "a.b_c@d:e", "1a", &"x".repeat(128)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        assert_eq!(Name::new(""), Err(BadName::Empty));
        assert_eq!(Name::new("x".repeat(129)), Err(BadName::TooLong(129)));
        assert_eq!(Name::new("12"), Err(BadName::AllDigits));
        assert_eq!(Name::new("../x"), Err(BadName::BadCharacter('/')));
        assert_eq!(Name::new("a b"), Err(BadName::BadCharacter(' ')));
        assert_eq!(Name::new(".."), Err(BadName::Dots));
    }

    #[test]
    fn a_list_of_selectors_mixes_ids_and_names() {
        let list = Selector::parse_list("3, web,4").unwrap();
        assert_eq!(
            list,
            [
                Selector::Id(Id(3)),
                Selector::Name(Name::new("web").unwrap()),
                Selector::Id(Id(4))
            ]
        );
        assert!(Selector::parse_list("3,,4").is_err());
        assert!(Selector::parse("99999999999999").is_err());
    }
}
