//! `pmon3 exec`: a new process.

use super::args::{Json, Wait};
use super::complete;
use super::failure::Failure;
use super::progress;
use super::session::Session;
use clap::Args;
use clap::ValueHint;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCompleter;
use pmon3_api::ExecRequest;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  pmon3 exec ./bin/server
  pmon3 exec ./bin/server --name web --args \"-port=8080 -title='two words'\"
  pmon3 exec node --name api --env-vars \"NODE_ENV=prod PORT=3000\" -- server.js --verbose
  pmon3 exec /usr/local/bin/worker --dependencies web,db --groups backend
  sudo pmon3 exec ./bin/server --user joe --log /var/log/server.log";

/// Start a new process and keep it running
///
/// FILE is a program: an absolute path, a path relative to where you are, or a name that is looked up in your PATH.
/// It runs where you are, unless --cwd says otherwise, and is started again whenever it ends, unless --no-autorestart.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Exec {
    /// The program
    #[arg(value_name = "FILE", value_hint = ValueHint::CommandName, value_parser = NonEmptyStringValueParser::new())]
    file: String,
    /// Its name [default: the base name of the file]
    #[arg(long)]
    name: Option<String>,
    /// Its arguments, in one string that is split as a shell splits words
    #[arg(long, short, value_name = "WORDS", allow_hyphen_values = true)]
    args: Option<String>,
    /// Environment variables, added to those of pmond: "KEY=VALUE KEY='two words'"
    #[arg(
        long,
        short,
        alias = "env_vars",
        value_name = "ASSIGNMENTS",
        allow_hyphen_values = true
    )]
    env_vars: Option<String>,
    /// Working directory [default: where you are]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    cwd: Option<PathBuf>,
    /// The user that it runs as [default: you]
    #[arg(long, short, value_hint = ValueHint::Username)]
    user: Option<String>,
    /// The file that gets its output [default: a file in the log directory]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    log: Option<PathBuf>,
    /// The directory of that file [default: logs_dir of the configuration]
    #[arg(long, alias = "log_dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    log_dir: Option<PathBuf>,
    /// Do not start it again when it ends
    #[arg(long, short, visible_alias = "no-auto-restart", alias = "no_auto_restart")]
    no_autorestart: bool,
    /// Names of processes that must run before it starts; several with commas, or the option several times
    #[arg(long, short, value_name = "NAMES", value_delimiter = ',', add = ArgValueCompleter::new(complete::processes))]
    dependencies: Vec<String>,
    /// Names of groups that it is in; several with commas, or the option several times
    #[arg(long, short, value_name = "NAMES", value_delimiter = ',', add = ArgValueCompleter::new(complete::groups))]
    groups: Vec<String>,
    /// Seconds from SIGTERM to SIGKILL when it is stopped [default: stop_timeout of the configuration]
    #[arg(long, value_name = "SECONDS")]
    stop_timeout: Option<f64>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    json: Json,
    /// Its arguments, word by word; they follow those of --args
    #[arg(last = true, value_name = "ARGS")]
    more_args: Vec<String>,
}

impl Exec {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let (wait, json) = (self.wait, self.json);
        let here = session.around.cwd()?;
        let request = self.request(
            Path::new(&here),
            session.around.vars.get("PATH").map_or("", String::as_str),
        )?;
        let client = session.daemon_or_start().await?;
        let request = ExecRequest {
            wait_ms: wait.ms(),
            ..request
        };
        let outcome = session
            .wait_for(&client, progress::starting, client.exec(&request))
            .await?;
        session.outcome(&outcome, json)
    }

    /// What only the caller knows (where they are, their PATH) is settled here.
    fn request(self, here: &Path, path: &str) -> Result<ExecRequest, Failure> {
        let from_here = |path: PathBuf| utf8(absolute(here, &path));
        let mut args = match &self.args {
            Some(text) => pmon3_config::words(text).map_err(|e| Failure::Usage(format!("--args: {e}")))?,
            None => Vec::new(),
        };
        args.extend(self.more_args);
        let env_vars = match &self.env_vars {
            Some(text) => pmon3_config::assignments(text).map_err(|e| Failure::Usage(format!("--env-vars: {e}")))?,
            None => BTreeMap::new(),
        };
        let without_empty = |names: Vec<String>| names.into_iter().filter(|name| !name.is_empty()).collect();
        Ok(ExecRequest {
            file: utf8(resolve(&self.file, here, path)?)?,
            argv0: Some(self.file),
            name: self.name,
            args,
            env_vars,
            cwd: Some(match self.cwd {
                Some(cwd) => from_here(cwd)?,
                None => utf8(here.to_owned())?,
            }),
            user: self.user.filter(|user| !user.is_empty()),
            log: self.log.map(from_here).transpose()?,
            log_dir: self.log_dir.map(from_here).transpose()?,
            no_auto_restart: self.no_autorestart,
            dependencies: without_empty(self.dependencies),
            groups: without_empty(self.groups),
            stop_timeout: self.stop_timeout,
            wait_ms: None,
        })
    }
}

/// The program that the user means. Whether it is there, and may be executed by whom it is to run as, the daemon says.
fn resolve(file: &str, here: &Path, path: &str) -> Result<PathBuf, Failure> {
    if file.contains('/') {
        return Ok(absolute(here, Path::new(file)));
    }
    // An empty entry means the current directory, as for the shell.
    let candidates = path.split(':').map(|dir| absolute(here, Path::new(dir)).join(file));
    if let Some(found) = candidates.into_iter().find(|candidate| is_program(candidate)) {
        return Ok(found);
    }
    let text = format!("no program named `{file}` in your PATH");
    Err(if here.join(file).exists() {
        Failure::with_hint(text, format!("for the file here, say `pmon3 exec ./{file}`"))
    } else {
        Failure::with_hint(text, "give its path: `pmon3 exec /path/to/program`")
    })
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Relative to here, without `.`; `..` stays, for it may follow a symbolic link.
fn absolute(here: &Path, path: &Path) -> PathBuf {
    here.join(path)
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .collect()
}

fn utf8(path: PathBuf) -> Result<String, Failure> {
    path.into_os_string()
        .into_string()
        .map_err(|path| Failure::new(format!("the path is not UTF-8: {}", path.to_string_lossy())))
}
