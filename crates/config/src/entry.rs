//! One process of a process configuration, and its fields.

use crate::decode::{self, Problem};
use crate::node::Node;
use pmon3_supervisor::spec::Name;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// One process of a process configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// The program: an absolute path, or a name without a slash to look up in `PATH`.
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

impl Entry {
    /// The name that the process has: its own, or else the base name of its file.
    pub fn name_or_default(&self) -> &str {
        match &self.name {
            Some(name) => name,
            None => self.file.rsplit('/').next().unwrap_or(&self.file),
        }
    }
}

/// A field: its name in JSON and YAML, and how its value is taken over.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) set: fn(&mut Entry, &Node) -> Result<(), Problem>,
}

/// The longest `stop_timeout`, in seconds.
const DAY: u64 = 24 * 60 * 60;

/// Every field, in the order in which they are written.
pub(crate) const FIELDS: &[Field] = &[
    field("file", |entry, node| set(&mut entry.file, file(node))),
    field("name", |entry, node| set(&mut entry.name, name(node).map(Some))),
    field("args", |entry, node| set(&mut entry.args, decode::word_list(node))),
    field("env_vars", |entry, node| {
        set(&mut entry.env_vars, decode::variables(node))
    }),
    field("user", |entry, node| set(&mut entry.user, decode::text(node).map(Some))),
    field("log", |entry, node| set(&mut entry.log, absolute(node).map(Some))),
    field("log_dir", |entry, node| {
        set(&mut entry.log_dir, absolute(node).map(Some))
    }),
    field("no_auto_restart", |entry, node| {
        set(&mut entry.no_auto_restart, decode::truth(node))
    }),
    field("dependencies", |entry, node| {
        set(&mut entry.dependencies, decode::list(node, name))
    }),
    field("groups", |entry, node| set(&mut entry.groups, decode::list(node, name))),
    field("cwd", |entry, node| set(&mut entry.cwd, absolute(node).map(Some))),
    field("stop_timeout", |entry, node| {
        set(&mut entry.stop_timeout, decode::seconds(node, DAY).map(Some))
    }),
];

const fn field(name: &'static str, set: fn(&mut Entry, &Node) -> Result<(), Problem>) -> Field {
    Field { name, set }
}

fn set<T>(slot: &mut T, value: Result<T, Problem>) -> Result<(), Problem> {
    *slot = value?;
    Ok(())
}

fn name(node: &Node) -> Result<String, Problem> {
    let text = decode::text(node).map_err(|_| decode::wanted(node, "a name"))?;
    check_name(&text).map_err(|bad| format!("found {}: {bad}", node.found()))?;
    Ok(text)
}

/// What is wrong with a name.
pub(crate) fn check_name(text: &str) -> Result<(), String> {
    Name::new(text).map(|_| ()).map_err(|bad| bad.to_string())
}

/// There is no directory that a relative path could start from: nobody knows where the daemon was started.
fn absolute(node: &Node) -> Result<String, Problem> {
    const WANTED: &str = "an absolute path";
    let path = decode::text(node).map_err(|_| decode::wanted(node, WANTED))?;
    if Path::new(&path).is_absolute() {
        Ok(path)
    } else {
        Err(decode::wanted(node, WANTED))
    }
}

fn file(node: &Node) -> Result<String, Problem> {
    const WANTED: &str = "the absolute path of a program, or a name to look up in PATH";
    let path = decode::text(node).map_err(|_| decode::wanted(node, WANTED))?;
    let is_path = Path::new(&path).is_absolute() && !path.ends_with('/');
    let is_name = !path.is_empty() && !path.contains('/');
    if is_path || is_name {
        Ok(path)
    } else {
        Err(decode::wanted(node, WANTED))
    }
}
