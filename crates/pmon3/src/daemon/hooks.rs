//! Event scripts: programs of the administrator that are told of restarts, failures and backoffs. Nobody waits for them.

use super::guard;
use super::server::rfc3339;
use pmon3_api::ScriptView;
use pmon3_config::Settings;
use pmon3_linux::reap::Exit;
use pmon3_supervisor::{News, Status, View};
use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A script that runs longer is ended.
const LONGEST_RUN: Duration = Duration::from_secs(60);
/// So many run side by side; more wait.
const RUNNING_MAX: usize = 16;
/// So many wait; what comes then is dropped, and said so.
const WAITING_MAX: usize = 256;

/// See the module.
pub(crate) struct Hooks {
    restart: Vec<String>,
    failure: Vec<String>,
    backoff: Vec<String>,
    /// Before this, restarts are not told: the daemon has just started.
    quiet_until: Instant,
    running: HashMap<u32, Running>,
    waiting: VecDeque<Vec<String>>,
}

struct Running {
    name: String,
    ends_at: Instant,
    killed: bool,
}

impl Hooks {
    pub(crate) fn new(settings: &Settings, started: Instant) -> Hooks {
        let mut hooks = Hooks {
            restart: Vec::new(),
            failure: Vec::new(),
            backoff: Vec::new(),
            quiet_until: started + settings.initialization_period,
            running: HashMap::new(),
            waiting: VecDeque::new(),
        };
        hooks.configure(settings);
        hooks
    }

    /// Takes the scripts from the settings.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        self.restart = settings.on_process_restart_exec.clone();
        self.failure = settings.on_process_failure_exec.clone();
        self.backoff = settings.on_process_backoff_exec.clone();
    }

    fn words_for(&self, news: &News) -> Option<(&'static str, &[String])> {
        let (event, words) = match news {
            News::Started { restart: true, .. } if Instant::now() >= self.quiet_until => ("restarted", &self.restart),
            News::Failed(_) => ("failed", &self.failure),
            News::Backoff(_) => ("backoff", &self.backoff),
            _ => return None,
        };
        (!words.is_empty()).then_some((event, words.as_slice()))
    }

    /// Whether a script is to be told of this.
    pub(crate) fn wants(&self, news: &News) -> bool {
        self.words_for(news).is_some()
    }

    /// Runs the script for this, with the process as JSON as its last word.
    pub(crate) fn tell(&mut self, news: &News, view: &View) {
        let Some((event, words)) = self.words_for(news) else {
            return;
        };
        let mut words = words.to_vec();
        words.push(script_view(event, view).to_json());
        if self.waiting.len() >= WAITING_MAX {
            log::error!(
                "event script {}: {WAITING_MAX} are waiting already, this one is dropped",
                words[0]
            );
            return;
        }
        self.waiting.push_back(words);
        self.start_waiting();
    }

    fn start_waiting(&mut self) {
        while self.running.len() < RUNNING_MAX {
            let Some(words) = self.waiting.pop_front() else { return };
            if let Err(error) = self.start(&words) {
                log::error!("event script {}: {error}", words[0]);
            }
        }
    }

    fn start(&mut self, words: &[String]) -> Result<(), Box<dyn std::error::Error>> {
        let [file, arguments @ ..] = words else { return Ok(()) };
        guard::check(Path::new(file))?;
        // Its words go where ours go. A group of its own, so that it can be ended with all that it started.
        let mut command = Command::new(file);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .env_remove("NOTIFY_SOCKET");
        let child = std::os::unix::process::CommandExt::process_group(&mut command, 0).spawn()?;
        log::debug!("event script {file}: started, pid {}", child.id());
        // The reaper tells of its end, as of every child's.
        let running = Running {
            name: file.clone(),
            ends_at: Instant::now() + LONGEST_RUN,
            killed: false,
        };
        self.running.insert(child.id(), running);
        Ok(())
    }

    /// A child ended. Whether it was one of these.
    pub(crate) fn ended(&mut self, pid: u32, exit: Exit) -> bool {
        let Some(running) = self.running.remove(&pid) else {
            return false;
        };
        if exit != Exit::Code(0) {
            log::warn!("event script {}: ended: {}", running.name, super::policy::exit(exit));
        }
        self.start_waiting();
        true
    }

    /// When the next one has run too long.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.running
            .values()
            .filter(|running| !running.killed)
            .map(|running| running.ends_at)
            .min()
    }

    /// Ends those that have run too long.
    pub(crate) fn wake(&mut self, now: Instant) {
        for (pid, running) in &mut self.running {
            if !running.killed && running.ends_at <= now {
                running.killed = true;
                log::error!(
                    "event script {}: ran for {} s, is being killed",
                    running.name,
                    LONGEST_RUN.as_secs()
                );
                // Not reaped yet, so the number is still its own.
                if let Some(group) = i32::try_from(*pid).ok().and_then(rustix::process::Pid::from_raw) {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
            }
        }
    }
}

/// The keys of the predecessor's example, and ours.
fn script_view(event: &str, view: &View) -> ScriptView {
    let spec = &view.spec;
    let (exit_code, signal) = super::server::exit_fields(view.last_exit);
    ScriptView {
        id: view.id.0,
        created_at: rfc3339(view.created_at),
        updated_at: rfc3339(view.updated_at),
        pid: view.pid.unwrap_or(0),
        log: spec.log.clone(),
        name: spec.name.to_string(),
        process_file: spec.file.clone(),
        args: pmon3_config::join_words(&spec.args),
        status: status_number(view.status),
        auto_restart: spec.auto_restart,
        uid: spec.user.uid,
        username: spec.user.name.clone(),
        gid: spec.user.gid,
        event: event.to_owned(),
        status_name: view.status.as_str().to_owned(),
        restart_count: view.restart_count,
        exit_code,
        signal,
    }
}

/// The numbers that the predecessor gave to the status words.
fn status_number(status: Status) -> u8 {
    match status {
        Status::Queued => 0,
        Status::Init => 1,
        Status::Running => 2,
        Status::Stopped => 3,
        Status::Failed => 4,
        Status::Closed => 5,
        Status::Backoff => 6,
        Status::Restarting => 7,
    }
}
