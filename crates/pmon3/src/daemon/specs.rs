//! From what a person wrote to a [`Spec`]: names checked, users looked up, paths made whole. Whatever is wrong is said
//! here, before anything is changed.

use super::server::ApiError;
use pmon3_api::ExecRequest;
use pmon3_config::{Entries, Settings};
use pmon3_linux::output;
use pmon3_linux::user::{self, Account, Credentials};
use pmon3_supervisor::{Caller, Name, Policy, Refusal, Spec, User};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The longest stop timeout: a day.
const STOP_TIMEOUT_MAX: f64 = 86_400.0;

/// What new processes are made from, beside the request: facts about this daemon.
pub(crate) struct Makings {
    owner: Account,
    search_path: String,
}

/// The fields that a request and an entry of the process configuration have in common.
struct Wanted {
    file: String,
    argv0: Option<String>,
    name: Option<String>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    user: Option<String>,
    log: Option<String>,
    log_dir: Option<String>,
    auto_restart: bool,
    dependencies: Vec<String>,
    groups: Vec<String>,
    stop_timeout: Option<f64>,
}

/// Whom one request is for, and what was looked up for it: a thousand entries of one user ask the user database once.
struct Asked<'a> {
    caller: &'a Caller,
    policy: &'a Policy,
    settings: &'a Settings,
    /// By the name or number that was given; `None`: the caller.
    users: BTreeMap<Option<String>, (Account, Credentials)>,
    /// Default log directories that are made already.
    prepared: BTreeSet<PathBuf>,
}

impl<'a> Asked<'a> {
    fn new(caller: &'a Caller, policy: &'a Policy, settings: &'a Settings) -> Asked<'a> {
        Asked {
            caller,
            policy,
            settings,
            users: BTreeMap::new(),
            prepared: BTreeSet::new(),
        }
    }

    fn user(&mut self, user: Option<String>) -> Result<(Account, Credentials), ApiError> {
        if let Some(known) = self.users.get(&user) {
            return Ok(known.clone());
        }
        let account = account_of(user.as_deref(), self.caller)?;
        // Whoever may not run as this user learns nothing about the user's files, either.
        if !self.policy.may_run_as(self.caller, account.uid) {
            return Err(ApiError::from(Refusal::MayNotRunAs(account.name)).about("user"));
        }
        let credentials = user::credentials(&account).map_err(|error| ApiError::internal(error.to_string()))?;
        let found = (account, credentials);
        self.users.insert(user, found.clone());
        Ok(found)
    }
}

impl Makings {
    /// For a daemon that runs as this user.
    pub(crate) fn new(owner_uid: u32, search_path: String) -> Result<Makings, user::UserError> {
        let owner = caller_account(&Caller {
            uid: owner_uid,
            gids: Vec::new(),
        })?;
        Ok(Makings { owner, search_path })
    }

    /// The user that the daemon runs as.
    pub(crate) fn owner_uid(&self) -> u32 {
        self.owner.uid
    }

    /// The spec of an `exec`.
    pub(crate) fn spec_of_exec(
        &self,
        request: ExecRequest,
        caller: &Caller,
        policy: &Policy,
        settings: &Settings,
    ) -> Result<Spec, ApiError> {
        let wanted = Wanted {
            file: request.file,
            argv0: request.argv0,
            name: request.name,
            args: request.args,
            env: request.env_vars,
            cwd: request.cwd,
            user: request.user,
            log: request.log,
            log_dir: request.log_dir,
            auto_restart: !request.no_auto_restart,
            dependencies: request.dependencies,
            groups: request.groups,
            stop_timeout: request.stop_timeout,
        };
        self.make(wanted, &mut Asked::new(caller, policy, settings))
    }

    /// The specs of the process configuration. An error names its file, the line and the entry.
    pub(crate) fn specs_of_entries(
        &self,
        entries: &Entries,
        caller: &Caller,
        policy: &Policy,
        settings: &Settings,
    ) -> Result<Vec<Arc<Spec>>, ApiError> {
        let mut asked = Asked::new(caller, policy, settings);
        entries
            .entries
            .iter()
            .enumerate()
            .map(|(place, entry)| {
                let wanted = Wanted {
                    file: self.find_program(&entry.file),
                    argv0: Some(entry.file.clone()),
                    name: entry.name.clone(),
                    args: entry.args.clone(),
                    env: entry.env_vars.clone(),
                    cwd: entry.cwd.clone(),
                    user: entry.user.clone(),
                    log: entry.log.clone(),
                    log_dir: entry.log_dir.clone(),
                    auto_restart: !entry.no_auto_restart,
                    dependencies: entry.dependencies.clone(),
                    groups: entry.groups.clone(),
                    stop_timeout: entry.stop_timeout.map(|timeout| timeout.as_secs_f64()),
                };
                self.make(wanted, &mut asked).map(Arc::new).map_err(|mut error| {
                    let place = entries.place(place, error.field.unwrap_or("name"));
                    error.body.message = format!("{place}: {}", error.body.message);
                    error
                })
            })
            .collect()
    }

    fn make(&self, wanted: Wanted, asked: &mut Asked<'_>) -> Result<Spec, ApiError> {
        let name = name_or_default(wanted.name.as_deref(), &wanted.file)?;
        let (account, credentials) = asked.user(wanted.user)?;
        let settings = asked.settings;
        let stop_timeout = wanted.stop_timeout.map(stop_timeout).transpose()?;
        let cwd = wanted.cwd.unwrap_or_else(|| parent(&wanted.file));
        let spec = Spec {
            argv0: wanted.argv0.unwrap_or_else(|| wanted.file.clone()),
            log: self.log_path(wanted.log, wanted.log_dir, &name, &account, settings)?,
            file: wanted.file,
            args: wanted.args,
            env: wanted.env,
            cwd,
            auto_restart: wanted.auto_restart,
            dependencies: names("dependencies", &wanted.dependencies)?,
            groups: names("groups", &wanted.groups)?.into_iter().collect::<BTreeSet<_>>(),
            user: User {
                name: account.name.clone(),
                uid: account.uid,
                gid: account.gid,
            },
            name,
            stop_timeout,
        };
        let spec = spec.checked().map_err(|bad| ApiError::bad(bad.to_string()))?;
        self.check_log(&spec, &account, &credentials, asked)?;
        Ok(spec)
    }

    /// The log file: as asked for, or in the directory asked for, or in a place where its user may write.
    fn log_path(
        &self,
        log: Option<String>,
        log_dir: Option<String>,
        name: &Name,
        account: &Account,
        settings: &Settings,
    ) -> Result<String, ApiError> {
        let path = match (log, log_dir) {
            (Some(log), _) => return Ok(log),
            (None, Some(dir)) => Path::new(&dir).join(format!("{name}.log")),
            (None, None) => self.default_log_dir(account, settings).join(format!("{name}.log")),
        };
        path.into_os_string()
            .into_string()
            .map_err(|_| ApiError::bad("log_dir: the path is not UTF-8"))
    }

    fn default_log_dir(&self, account: &Account, settings: &Settings) -> PathBuf {
        if account.uid == self.owner.uid {
            settings.logs_dir.clone()
        } else {
            settings.logs_dir.join(&account.name)
        }
    }

    /// Whether the user may write this log. The default directory of a user is made here.
    fn check_log(
        &self,
        spec: &Spec,
        account: &Account,
        credentials: &Credentials,
        asked: &mut Asked<'_>,
    ) -> Result<(), ApiError> {
        let path = Path::new(&spec.log);
        let dir = self.default_log_dir(account, asked.settings);
        if path.parent() == Some(dir.as_path()) && !asked.prepared.contains(&dir) {
            output::prepare_dir(&dir, credentials).map_err(|error| {
                ApiError::bad(format!("log: {} cannot be made: {error}", dir.display())).about("log")
            })?;
            asked.prepared.insert(dir);
        }
        output::check_writable(path, credentials).map_err(|error| {
            ApiError::bad(format!(
                "log: {} cannot be written as user {}: {error}",
                path.display(),
                account.name
            ))
            .hint("name another file with --log, or a directory that exists with --log-dir")
            .about("log")
        })
    }

    fn find_program(&self, file: &str) -> String {
        if file.contains('/') {
            return file.to_owned();
        }
        let found = self
            .search_path
            .split(':')
            .filter(|dir| dir.starts_with('/'))
            .map(|dir| Path::new(dir).join(file));
        found
            .filter(|path| path.is_file())
            .find_map(|path| path.into_os_string().into_string().ok())
            .unwrap_or_else(|| file.to_owned())
    }
}

fn name_or_default(name: Option<&str>, file: &str) -> Result<Name, ApiError> {
    let text = match name {
        Some(name) => name,
        None => file.rsplit('/').next().unwrap_or(file),
    };
    Name::new(text).map_err(|bad| {
        let error = ApiError::bad(format!("name `{}`: {bad}", text.escape_debug()));
        if name.is_none() {
            error.hint("the name is that of the file unless you give one with --name")
        } else {
            error
        }
    })
}

fn names(field: &str, texts: &[String]) -> Result<Vec<Name>, ApiError> {
    texts
        .iter()
        .map(|text| {
            Name::new(text.as_str()).map_err(|bad| ApiError::bad(format!("{field}: `{}`: {bad}", text.escape_debug())))
        })
        .collect()
}

/// The user asked for, by name or number; or the caller.
fn account_of(user: Option<&str>, caller: &Caller) -> Result<Account, ApiError> {
    let internal = |error: user::UserError| ApiError::internal(error.to_string());
    let known = match user {
        None => return caller_account(caller).map_err(internal),
        Some(text) => match text.parse() {
            Ok(uid) => user::by_uid(uid).map_err(internal)?,
            Err(_) => user::by_name(text).map_err(internal)?,
        },
    };
    known.ok_or_else(|| {
        let text = user.unwrap_or_default().escape_debug();
        ApiError::bad(format!("there is no user `{text}`"))
            .hint("leave --user away to run it as yourself")
            .about("user")
    })
}

/// A caller need not be in the user database: containers have such ones.
fn caller_account(caller: &Caller) -> Result<Account, user::UserError> {
    let known = user::by_uid(caller.uid)?;
    Ok(known.unwrap_or_else(|| Account {
        name: caller.uid.to_string(),
        uid: caller.uid,
        gid: caller.gids.first().copied().unwrap_or(caller.uid),
        home: "/".to_owned(),
        shell: "/bin/sh".to_owned(),
    }))
}

fn stop_timeout(seconds: f64) -> Result<Duration, ApiError> {
    if (0.0..=STOP_TIMEOUT_MAX).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(ApiError::bad(format!(
        "stop_timeout: {seconds} is not between 0 and {STOP_TIMEOUT_MAX} seconds"
    )))
}

fn parent(file: &str) -> String {
    match file.rsplit_once('/') {
        Some(("", _)) | None => "/".to_owned(),
        Some((dir, _)) => dir.to_owned(),
    }
}
