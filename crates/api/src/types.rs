//! What goes over the wire. Field names are those of the contract; times are RFC 3339.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One process, as `ls --json` and `desc --json` print it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessView {
    /// The number by which a person names it.
    pub id: u32,
    /// Its name, unique.
    pub name: String,
    /// The kernel's number, while it runs.
    pub pid: Option<u32>,
    /// `queued`, `init`, `running`, `stopped`, `failed`, `closed`, `backoff` or `restarting`.
    pub status: String,
    /// Restarts since a person last stopped or reset it.
    pub restart_count: u32,
    /// Login name of the user that it runs as.
    pub user: String,
    /// That user's id.
    pub uid: u32,
    /// That user's primary group id.
    pub gid: u32,
    /// Absolute path of the program.
    pub process_file: String,
    /// Arguments after argv\[0\]; empty for who may not see them.
    pub args: Vec<String>,
    /// Variables added to the daemon's environment; empty for who may not see them.
    pub env_vars: BTreeMap<String, String>,
    /// Working directory.
    pub cwd: String,
    /// The file that gets stdout and stderr.
    pub log: String,
    /// Whether it is started again after it ended by itself.
    pub auto_restart: bool,
    /// Names of the processes that must run before it starts.
    pub dependencies: Vec<String>,
    /// Names of the groups that it is in.
    pub groups: Vec<String>,
    /// CPU use of the whole tree, in percent of one processor.
    pub cpu_percent: f64,
    /// Resident memory of the whole tree, in bytes.
    pub memory_bytes: u64,
    /// When it was first asked for.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// Start of the run that is, or of the last one that was; `null` before the first.
    pub started_at: Option<String>,
    /// Exit code of the last end, if it called exit.
    pub exit_code: Option<i32>,
    /// Number of the signal that caused the last end, if one did.
    pub signal: Option<i32>,
    /// Why it is not running though it should, in the user's terms.
    pub error: Option<String>,
    /// Seconds from SIGTERM to SIGKILL, where it has a time of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<f64>,
    /// The caller may not see `args` and `env_vars`: they are empty here, whatever they are.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

/// `POST /v1/processes`: start a new process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecRequest {
    /// Absolute path of the program.
    pub file: String,
    /// What the program gets as argv\[0\]; default `file`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argv0: Option<String>,
    /// Default: the file's base name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The arguments after argv\[0\].
    #[serde(default)]
    pub args: Vec<String>,
    /// Variables added to the daemon's environment.
    #[serde(default)]
    pub env_vars: BTreeMap<String, String>,
    /// Absolute path; default the file's own directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Login name or uid; default the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Absolute path of the log file; default in `log_dir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Absolute path of the directory of the log file; default in the daemon's `logs_dir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<String>,
    /// Do not start it again after it ended by itself.
    #[serde(default)]
    pub no_auto_restart: bool,
    /// Names of the processes that must run before it starts.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Names of the groups that it is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Seconds from SIGTERM to SIGKILL; default the daemon's `stop_timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<f64>,
    /// Milliseconds to wait for it to run; 0: answer at once; default the daemon's `cmd_exec_response_wait`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Body of every other request that changes something:
/// `POST /v1/processes/{which}/restart`, `…/stop`, `…/reset`, `DELETE /v1/processes/{which}`,
/// `POST /v1/kill`, `/v1/drop`, `/v1/reset` and `/v1/init`. An empty body is `{}`.
/// `{which}` is an id, a name, or a comma list of both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// SIGKILL at once instead of SIGTERM first.
    #[serde(default)]
    pub force: bool,
    /// `init` only: nothing but what the process configuration names.
    #[serde(default)]
    pub process_config_only: bool,
    /// Milliseconds to wait for what it causes; 0: answer at once; default the daemon's `cmd_exec_response_wait`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// Answer to every request that changes something. Status 201 (exec) or 200 when all of it came true, 202 when it was
/// acknowledged and written down but some of it is still under way, 409 (with the same body) when `problems` is not empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Ids of the processes that the request was about.
    pub ids: Vec<u32>,
    /// What is still under way, one line each: `web: still stopping …`.
    pub pending: Vec<String>,
    /// What could not be done, one line each, with what to do about it.
    pub problems: Vec<String>,
    /// What the caller should know although all was done.
    pub warnings: Vec<String>,
    /// All processes afterwards, as `GET /v1/processes` gives them.
    pub processes: Vec<ProcessView>,
}

/// Body of every answer with status 400 and above (except an [`Outcome`] with problems).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// A word for scripts: `bad_request`, `not_found`, `name_taken`, `permission_denied`, `dependency_cycle`,
    /// `too_large`, `store_failed`, `closing`, `method_not_allowed`, `internal`.
    pub code: String,
    /// What is wrong, in one line, in the user's terms.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// `GET /v1/version`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VersionView {
    /// Version of the daemon.
    pub version: String,
    /// Commit that it was built from, or `unknown`.
    pub commit: String,
    /// Its process id.
    pub pid: u32,
    /// How it finds all descendants of a process: `cgroup` or `session`.
    pub tree: String,
    /// In a sentence: which cgroup, or why there is none.
    pub tree_detail: String,
}

/// Query of `GET /v1/processes/{which}/log` (`{which}`: one id or name). The answer is the bytes of the log as `text/plain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogQuery {
    /// `10`: the last ten lines; `+5`: from the fifth line on; `all`. Default `all`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<String>,
    /// Rotated and archived files first, oldest first.
    #[serde(default)]
    pub archives: bool,
    /// Go on with what is appended, until the caller hangs up. Across truncation and replacement of the file.
    #[serde(default)]
    pub follow: bool,
}

/// One group, as `group ls --json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupView {
    /// The number by which a person names it.
    pub id: u32,
    /// Its name, unique.
    pub name: String,
    /// Names of the processes in it.
    pub processes: Vec<String>,
}

/// `POST /v1/groups`: a new, empty group. Answered with its [`GroupView`] and 201.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRequest {
    /// Its name.
    pub name: String,
}

/// `POST /v1/groups/{which}/assign` and `…/remove`; `{which}` is a comma list of ids and names of groups. Answered with
/// all groups afterwards, as `GET /v1/groups` gives them (so is `DELETE /v1/groups/{which}`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MembersRequest {
    /// A comma list of ids and names of processes.
    pub processes: String,
}

/// `GET /v1/dgraph?process_config_only=BOOL`: in which order processes would be started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OrderView {
    /// Names in the order in which they are queued.
    pub queue_order: Vec<String>,
    /// The same, each after those that it depends on.
    pub dependency_order: Vec<String>,
}

/// What an event script gets as its last argument: the keys of the predecessor, and a few more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScriptView {
    /// The number by which a person names it.
    pub id: u32,
    /// When it was first asked for.
    pub created_at: String,
    /// When it was last changed.
    pub updated_at: String,
    /// The kernel's number, 0 while it does not run.
    pub pid: u32,
    /// The file that gets stdout and stderr.
    pub log: String,
    /// Its name.
    pub name: String,
    /// Absolute path of the program.
    pub process_file: String,
    /// The arguments, quoted as a POSIX shell reads them, in one text.
    pub args: String,
    /// queued 0, init 1, running 2, stopped 3, failed 4, closed 5, backoff 6, restarting 7.
    pub status: u8,
    /// Whether it is started again after it ended by itself.
    pub auto_restart: bool,
    /// The user that it runs as.
    pub uid: u32,
    /// That user's login name.
    pub username: String,
    /// That user's primary group.
    pub gid: u32,
    /// `restarted`, `failed` or `backoff`.
    pub event: String,
    /// The word for `status`.
    pub status_name: String,
    /// Restarts since a person last stopped or reset it.
    pub restart_count: u32,
    /// Exit code of the last end, if it called exit.
    pub exit_code: Option<i32>,
    /// Number of the signal that caused the last end, if one did.
    pub signal: Option<i32>,
}

impl ScriptView {
    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A struct of texts and numbers cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
