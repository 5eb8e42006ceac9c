//! What `--json` prints that does not come off the wire as it is, and how anything is printed as JSON.

pub use serde::Serialize;

/// `pmon3 version --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VersionReport {
    /// Version of `pmon3`.
    pub version: String,
    /// Commit that it was built from, or `unknown`.
    pub commit: String,
    /// Version of the running daemon; `null` when none answers. So are the other fields of the daemon.
    pub daemon_version: Option<String>,
    /// Commit that the daemon was built from.
    pub daemon_commit: Option<String>,
    /// The daemon's process id.
    pub daemon_pid: Option<u32>,
    /// How the daemon finds all descendants of a process: `cgroup` or `session`.
    pub tree: Option<String>,
    /// In a sentence: which cgroup, or why there is none.
    pub tree_detail: Option<String>,
}

/// One line of `pmon3 config show --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SettingReport {
    /// The key.
    pub key: String,
    /// Its value, as it would stand in the file.
    pub value: String,
    /// Where it comes from: `default`, `FILE:LINE` or the name of an environment variable.
    pub origin: String,
}

/// The value as indented JSON, without a line end after it.
///
/// # Errors
/// Only if the value cannot be said in JSON, such as a map whose keys are not strings.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value)
}
