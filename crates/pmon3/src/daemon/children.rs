//! The processes of the kernel that belong to us: which pid is whose, and what is left of whom.

use super::owner::FIRST_WATCH;
use pmon3_config::Settings;
use pmon3_linux::limits::Inherited;
use pmon3_linux::poll::Poller;
use pmon3_linux::reap::Exit;
use pmon3_linux::spawn::{Child, Program, SpawnError, Spawner};
use pmon3_linux::tree::{MARK, Survivor, Trees, Watch};
use pmon3_linux::user::{self, Credentials};
use pmon3_linux::{identity, output};
use pmon3_supervisor::{Ask, Id, Record, Run, Spec};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// Variables of the daemon that mean the daemon, not its children.
const NOT_INHERITED: [&str; 7] = [
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "INVOCATION_ID",
];

/// The permission bits of a log where the configuration names none.
const LOG_MODE: u32 = 0o640;

/// See the module.
pub(crate) struct Children {
    spawner: Spawner,
    trees: Trees,
    instance: String,
    /// The daemon's own environment, less what is not inherited.
    environment: Vec<(OsString, OsString)>,
    inherited: Inherited,
    own_uid: u32,
    /// Main processes that are our children: by pid, as the kernel tells of their ends.
    mains: HashMap<u32, (Id, Run)>,
    /// Main processes that are not: started by a daemon before us, and found alive.
    adopted: BTreeMap<u64, Adopted>,
    /// The main process of each id, while it is there.
    pids: BTreeMap<Id, u32>,
    /// Trees without a main process that are to end.
    ending: BTreeMap<Id, Ending>,
    /// Trees that SIGKILL was sent to: whoever comes late gets it too.
    killed: BTreeSet<Id>,
    watches: BTreeMap<u64, Id>,
    next_token: u64,
    accounts: HashMap<u32, Account>,
    log_mode: u32,
}

struct Adopted {
    id: Id,
    run: Run,
    pid: u32,
    pidfd: OwnedFd,
}

struct Ending {
    run: Run,
    token: u64,
    watch: Option<Watch>,
}

#[derive(Clone)]
struct Account {
    home: String,
    shell: String,
    credentials: Credentials,
}

impl Children {
    pub(crate) fn new(spawner: Spawner, trees: Trees, instance: String, inherited: Inherited) -> Children {
        let is_the_daemons = |name: &OsString| {
            let name = name.to_string_lossy();
            NOT_INHERITED.contains(&name.as_ref()) || name.starts_with("PMON3_") || name.starts_with("CONFIGOR_")
        };
        Children {
            spawner,
            trees,
            instance,
            environment: std::env::vars_os().filter(|(name, _)| !is_the_daemons(name)).collect(),
            inherited,
            own_uid: rustix::process::geteuid().as_raw(),
            mains: HashMap::new(),
            adopted: BTreeMap::new(),
            pids: BTreeMap::new(),
            ending: BTreeMap::new(),
            killed: BTreeSet::new(),
            watches: BTreeMap::new(),
            next_token: FIRST_WATCH,
            accounts: HashMap::new(),
            log_mode: LOG_MODE,
        }
    }

    /// Takes from the settings what concerns programs to come.
    pub(crate) fn configure(&mut self, settings: &Settings) {
        self.log_mode = settings.logs_ownership().file_mode.unwrap_or(LOG_MODE);
    }

    // ---- starting ----

    /// Starts a program.
    pub(crate) fn spawn(&mut self, id: Id, run: Run, spec: &Arc<Spec>) -> Result<Child, SpawnError> {
        let account = self.account(spec);
        let program = self.program(id, run, spec, &account);
        let place = self.trees.place(id.0).map_err(SpawnError::no_place)?;
        let child = self.spawner.spawn(&program, &place)?;
        self.mains.insert(child.pid, (id, run));
        self.pids.insert(id, child.pid);
        self.killed.remove(&id);
        self.trees.started(id.0, child.pid);
        Ok(child)
    }

    fn program(&self, id: Id, run: Run, spec: &Spec, account: &Account) -> Program {
        let mut environment: BTreeMap<OsString, OsString> = self.environment.iter().cloned().collect();
        for (name, value) in [
            ("HOME", account.home.as_str()),
            ("USER", &spec.user.name),
            ("LOGNAME", &spec.user.name),
            ("SHELL", &account.shell),
        ] {
            environment.insert(name.into(), value.into());
        }
        environment.extend(spec.env.iter().map(|(name, value)| (name.into(), value.into())));
        environment.remove(OsStr::new(MARK));
        Program {
            file: spec.file.clone().into(),
            argv0: spec.argv0.clone().into(),
            args: spec.args.iter().map(OsString::from).collect(),
            env: environment.into_iter().collect(),
            mark: Some(format!("{}.{id}.{run}", self.instance)),
            cwd: spec.cwd.clone().into(),
            log: spec.log.clone().into(),
            credentials: (self.own_uid == 0).then(|| account.credentials.clone()),
            log_mode: self.log_mode,
            umask: None,
            no_new_privs: false,
            inherited: self.inherited,
        }
    }

    /// The user database is asked once, not at each restart: a restart must not wait for a directory server.
    fn account(&mut self, spec: &Spec) -> Account {
        if let Some(account) = self.accounts.get(&spec.user.uid) {
            return account.clone();
        }
        let uid = spec.user.uid;
        let known = user::by_uid(uid).ok().flatten();
        let credentials = known.as_ref().and_then(|account| user::credentials(account).ok());
        let account = Account {
            home: known
                .as_ref()
                .map_or_else(|| "/".to_owned(), |account| account.home.clone()),
            shell: known
                .as_ref()
                .map_or_else(|| "/bin/sh".to_owned(), |account| account.shell.clone()),
            credentials: credentials.unwrap_or(Credentials {
                uid,
                gid: spec.user.gid,
                groups: vec![spec.user.gid],
            }),
        };
        self.accounts.insert(uid, account.clone());
        account
    }

    /// A person commands: what was remembered of users may have changed.
    pub(crate) fn forget_accounts(&mut self) {
        self.accounts.clear();
    }

    /// A main process that was found alive is watched from now on. An error: it has just ended.
    pub(crate) fn adopt(&mut self, id: Id, run: Run, pid: u32, its: &str, poller: &Poller) -> Result<(), Exit> {
        self.pids.insert(id, pid);
        if pmon3_linux::reap::is_child(pid) {
            self.mains.insert(pid, (id, run));
            self.trees.started(id.0, pid);
            return Ok(());
        }
        let Some(pidfd) = identity::open_if_still(pid, its) else {
            self.pids.remove(&id);
            return Err(Exit::Unknown);
        };
        self.trees.adopted(id.0, pid);
        let token = self.new_token();
        if let Err(error) = poller.add(&pidfd, token) {
            log::error!("process {id}: pid {pid} cannot be watched: {error}");
            return Err(Exit::Unknown);
        }
        self.adopted.insert(token, Adopted { id, run, pid, pidfd });
        Ok(())
    }

    /// All that is left of what an earlier daemon started, by id.
    pub(crate) fn survivors(&mut self, records: &[Record]) -> BTreeMap<u32, Vec<Survivor>> {
        let users: BTreeMap<u32, u32> = records
            .iter()
            .map(|record| (record.id.0, record.spec.user.uid))
            .collect();
        self.trees.survivors(|id, uid| users.get(&id) == Some(&uid))
    }

    // ---- ending ----

    /// Signals a whole tree.
    pub(crate) fn signal(&mut self, id: Id, ask: Ask) {
        let result = match ask {
            Ask::Terminate => self.trees.terminate(id.0),
            Ask::Kill => {
                self.killed.insert(id);
                self.trees.kill(id.0)
            }
        };
        if let Err(error) = result {
            log::error!("process {id}: not all of it could be signalled: {error}");
        }
    }

    /// Whether its main process is there.
    pub(crate) fn has_main(&self, id: Id) -> bool {
        self.pids.contains_key(&id)
    }

    /// The process whose main process this child of ours was.
    pub(crate) fn take_main(&mut self, pid: u32) -> Option<(Id, Run)> {
        let (id, run) = self.mains.remove(&pid)?;
        self.pids.remove(&id);
        Some((id, run))
    }

    /// The adopted main process that this token was for, and how it ended.
    pub(crate) fn adopted_ended(&mut self, token: u64, poller: &Poller) -> Option<(Id, Run, Exit)> {
        let adopted = self.adopted.remove(&token)?;
        if let Err(error) = poller.remove(&adopted.pidfd) {
            log::debug!("pid {}: {error}", adopted.pid);
        }
        self.pids.remove(&adopted.id);
        Some((adopted.id, adopted.run, identity::exit_of(adopted.pid, &adopted.pidfd)))
    }

    /// Whether anything of a tree is left whose main process has ended.
    pub(crate) fn has_leftovers(&mut self, id: Id) -> bool {
        !self.trees.is_empty(id.0)
    }

    /// From now on, each change of this tree is looked at.
    pub(crate) fn await_end(&mut self, id: Id, run: Run, poller: &Poller) {
        if self.ending.contains_key(&id) {
            return;
        }
        let token = self.new_token();
        let mut ending = Ending {
            run,
            token,
            watch: None,
        };
        self.renew_watch(id, &mut ending, poller);
        self.watches.insert(token, id);
        self.ending.insert(id, ending);
    }

    fn renew_watch(&mut self, id: Id, ending: &mut Ending, poller: &Poller) {
        if let Some(old) = ending.watch.take() {
            for fd in old.fds() {
                let _ = poller.remove(fd);
            }
        }
        match self.trees.watch(id.0) {
            Ok(watch) => {
                for fd in watch.fds() {
                    if let Err(error) = poller.add(fd, ending.token) {
                        log::error!("process {id}: its descendants cannot be watched: {error}");
                    }
                }
                ending.watch = Some(watch);
            }
            Err(error) => log::error!("process {id}: its descendants cannot be watched: {error}"),
        }
    }

    /// The ids of the trees that are awaited.
    pub(crate) fn awaited(&self) -> Vec<Id> {
        self.ending.keys().copied().collect()
    }

    /// The awaited tree that a token is for.
    pub(crate) fn tree_of(&self, token: u64) -> Option<Id> {
        self.watches.get(&token).copied()
    }

    /// Looks whether an awaited tree is gone; if so, says of which run. If not, whoever came late is killed too, and
    /// what is left is watched anew.
    pub(crate) fn look_at_tree(&mut self, id: Id, poller: &Poller) -> Option<Run> {
        let mut ending = self.ending.remove(&id)?;
        let mut gone = self.trees.is_empty(id.0);
        if !gone {
            if self.killed.contains(&id) {
                self.signal(id, Ask::Kill);
            }
            self.renew_watch(id, &mut ending, poller);
            // It may have ended before the watch was in place.
            gone = self.trees.is_empty(id.0);
        }
        if !gone {
            self.ending.insert(id, ending);
            return None;
        }
        self.watches.remove(&ending.token);
        if let Some(watch) = ending.watch {
            for fd in watch.fds() {
                let _ = poller.remove(fd);
            }
        }
        Some(ending.run)
    }

    /// This process is not known any more.
    pub(crate) fn forget(&mut self, id: Id) {
        self.killed.remove(&id);
        self.trees.forget(id.0);
    }

    /// Removes the log files of a deleted process, with the rights of its user. Done when this returns: the name is free
    /// from then on, and a new process of that name must not lose its log to this.
    pub(crate) fn remove_log(&mut self, spec: &Arc<Spec>) {
        let account = self.account(spec);
        if let Err(error) = output::remove_all(std::path::Path::new(&spec.log), &account.credentials) {
            log::warn!("{}: its log was not removed: {error}", spec.name);
        }
    }

    /// The daemon ends.
    pub(crate) fn close(self) {
        self.trees.close();
    }

    fn new_token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }
}
