//! A private `pmond` per test, with all that it needs in a directory of its own.
//!
//! When a [`World`] goes away, everything that was started in it is ended, and it is an error when something had been
//! left behind. Everything carries the world's directory in its environment, its arguments or its working directory,
//! so nobody else is ever touched.

pub(crate) mod http;
pub(crate) mod kernel;
pub(crate) mod output;
pub(crate) mod run;
pub(crate) mod terminal;

use output::Output;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine; only a failing test waits it out.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

pub(crate) const PMON3: &str = env!("CARGO_BIN_EXE_pmon3");
pub(crate) const PMOND: &str = env!("CARGO_BIN_EXE_pmond");

/// The program that the tests supervise: examples/fixture.rs, which Cargo builds beside the binaries.
pub(crate) fn fixture() -> PathBuf {
    let path = Path::new(PMON3).parent().unwrap().join("examples/fixture");
    assert!(
        path.exists(),
        "{} is missing: `cargo build -p pmon3 --examples` makes it",
        path.display()
    );
    path
}

pub(crate) fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    until_some(what, || condition().then_some(()));
}

/// Waits until there is something.
#[track_caller]
pub(crate) fn until_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + BOUND;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {BOUND:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) struct World {
    dir: tempfile::TempDir,
    daemon: Option<Child>,
}

impl World {
    /// A daemon with the tests' settings.
    pub(crate) fn new() -> World {
        World::with("")
    }

    /// A daemon with these lines of config.yml on top.
    pub(crate) fn with(settings: &str) -> World {
        let mut world = World::without_daemon(settings);
        world.start();
        world
    }

    /// Everything but the daemon.
    pub(crate) fn without_daemon(settings: &str) -> World {
        // Not TMPDIR: the path of a Unix socket has at most 107 bytes.
        let dir = tempfile::Builder::new().prefix("pmon3-").tempdir_in("/tmp").unwrap();
        // Other users' programs, where a test starts some, must get at it.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let world = World { dir, daemon: None };
        fs::create_dir(world.path("home")).unwrap();
        world.configure(settings);
        world
    }

    /// Writes config.yml anew: the tests' settings, and these.
    pub(crate) fn configure(&self, settings: &str) {
        let mut config = String::new();
        let defaults = [
            ("data_dir", self.path("data").display().to_string()),
            ("logs_dir", self.path("logs").display().to_string()),
            ("socket", self.socket().display().to_string()),
            (
                "process_config_file",
                self.path("process.config.json").display().to_string(),
            ),
            // Commands wait for what they caused, and a test has no other bound than BOUND.
            ("cmd_exec_response_wait", BOUND.as_millis().to_string()),
            ("dependent_process_enqueued_wait", "0".to_owned()),
            ("log_level", "debug".to_owned()),
        ];
        for (key, value) in defaults {
            if !settings.lines().any(|line| line.starts_with(&format!("{key}:"))) {
                config.push_str(&format!("{key}: {value}\n"));
            }
        }
        config.push_str(settings);
        fs::write(self.path("config.yml"), config).unwrap();
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same, as text to put into arguments.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("pmond.sock")
    }

    // ---- the daemon ----

    /// Starts `pmond` and waits until it says that it is ready.
    #[track_caller]
    pub(crate) fn start(&mut self) {
        self.start_by(&mut self.daemon_command());
    }

    /// The same, by another command.
    #[track_caller]
    pub(crate) fn start_by(&mut self, command: &mut Command) {
        assert!(self.daemon.is_none(), "this world has a daemon already");
        let path = self.path("notify");
        let _ = fs::remove_file(&path);
        let notify = UnixDatagram::bind(&path).unwrap();
        self.daemon = Some(command.env("NOTIFY_SOCKET", &path).spawn().unwrap());
        if let Err(end) = self.await_ready(&notify) {
            panic!("pmond ended before it was ready ({end}):\n{}", self.daemon_log());
        }
    }

    /// Runs `pmond`, which must end by itself, with code 1.
    #[track_caller]
    pub(crate) fn start_in_vain(&self) -> Output {
        run::to_end(&mut self.daemon_command()).fails()
    }

    pub(crate) fn daemon_command(&self) -> Command {
        let mut command = self.prepare(PMOND);
        command.stdout(Stdio::null()).stderr(self.append("pmond.stderr"));
        command
    }

    fn await_ready(&mut self, notify: &UnixDatagram) -> Result<(), ExitStatus> {
        let child = self.daemon.as_mut().unwrap();
        let mut message = [0u8; 4096];
        loop {
            if kernel::readable_before_end(notify, child, BOUND) {
                let length = notify.recv(&mut message).unwrap();
                if message[..length].split(|b| *b == b'\n').any(|line| line == b"READY=1") {
                    return Ok(());
                }
            } else {
                let status = child.wait().unwrap();
                self.daemon = None;
                return Err(status);
            }
        }
    }

    /// The daemon's process id, also where a command started it.
    pub(crate) fn daemon_pid(&self) -> u32 {
        if let Some(child) = &self.daemon {
            return child.id();
        }
        until_some("pmond's process id in its lock file", || self.locked_by())
    }

    fn locked_by(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.path("data/pmond.lock"))
            .ok()?
            .trim()
            .parse()
            .ok()?;
        kernel::belongs_to(pid, self.dir.path()).then_some(pid)
    }

    /// Asks the daemon to end, and waits for it.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> ExitStatus {
        let child = self.daemon.as_mut().unwrap();
        kernel::signal(child.id(), rustix::process::Signal::TERM);
        self.await_end()
    }

    /// Ends the daemon at once, by SIGKILL.
    pub(crate) fn kill(&mut self) {
        let child = self.daemon.as_mut().unwrap();
        child.kill().unwrap();
        self.await_end();
    }

    pub(crate) fn await_end(&mut self) -> ExitStatus {
        let mut child = self.daemon.take().unwrap();
        if !kernel::ends_within(&child, BOUND) {
            let _ = child.kill();
            let _ = child.wait();
            panic!("pmond did not end within {BOUND:?}:\n{}", self.daemon_log());
        }
        child.wait().unwrap()
    }

    /// What pmond said on stderr.
    pub(crate) fn daemon_log(&self) -> String {
        fs::read_to_string(self.path("pmond.stderr")).unwrap_or_default()
    }

    // ---- commands ----

    /// A command whose environment points to this world and to nothing else.
    pub(crate) fn prepare(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        for name in ["PATH", "USER", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let home = self.path("home");
        command
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .env("PMON3_CONF", self.path("config.yml"))
            .env("WORLD_OF_TEST", self.dir.path())
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// `pmon3` that speaks to this world's daemon and, where there is none, to no other: an ordinary user's command
    /// would find the system's.
    pub(crate) fn client(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = self.prepare(program);
        command.env("PMON3_SOCKET", self.socket());
        command
    }

    /// Runs `pmon3` to its end, whatever that is.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        run::to_end(self.client(PMON3).args(args))
    }

    /// Runs `pmon3`, which must succeed.
    #[track_caller]
    pub(crate) fn pmon3(&self, args: &[&str]) -> Output {
        self.run(args).succeeds()
    }

    /// Runs `pmon3`, which must refuse: nothing on stdout, one line of reason on stderr.
    #[track_caller]
    pub(crate) fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args).fails();
        assert_eq!(output.stdout, "", "a refusal shows no result");
        output.stderr
    }

    /// Runs `pmon3`, which must succeed and print JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.pmon3(args).json()
    }

    /// Supervises the fixture with these steps, under this name.
    #[track_caller]
    pub(crate) fn exec(&self, name: &str, steps: &str) -> Output {
        self.exec_with(name, steps, &[])
    }

    /// The same, with more flags.
    #[track_caller]
    pub(crate) fn exec_with(&self, name: &str, steps: &str, flags: &[&str]) -> Output {
        let fixture = fixture();
        let mut args = vec!["exec", fixture.to_str().unwrap(), "--name", name];
        let steps = format!("--args={steps}");
        if steps != "--args=" {
            args.push(&steps);
        }
        args.extend(flags);
        self.pmon3(&args)
    }

    // ---- what there is ----

    /// All processes, as `ls --json` prints them.
    pub(crate) fn list(&self) -> Vec<Value> {
        self.json(&["ls", "--json"]).as_array().unwrap().clone()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.list()
            .iter()
            .map(|p| p["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// One process, as `desc --json` prints it.
    #[track_caller]
    pub(crate) fn desc(&self, which: &str) -> Value {
        self.json(&["desc", which, "--json"])
    }

    #[track_caller]
    pub(crate) fn status(&self, which: &str) -> String {
        self.desc(which)["status"].as_str().unwrap().to_owned()
    }

    /// The process id of something that runs.
    #[track_caller]
    pub(crate) fn pid(&self, which: &str) -> u32 {
        let view = self.desc(which);
        view["pid"]
            .as_u64()
            .unwrap_or_else(|| panic!("{which} has no pid: {view:#}")) as u32
    }

    /// The process id of its next run, as soon as there is one.
    #[track_caller]
    pub(crate) fn successor(&self, which: &str, pid: u32) -> u32 {
        until_some(&format!("a successor of {which} {pid}"), || {
            let now = self.desc(which)["pid"].as_u64()? as u32;
            (now != pid).then_some(now)
        })
    }

    #[track_caller]
    pub(crate) fn restarts(&self, which: &str) -> u64 {
        self.desc(which)["restart_count"].as_u64().unwrap()
    }

    #[track_caller]
    pub(crate) fn until_status(&self, which: &str, status: &str) {
        until(&format!("{which} is {status}"), || self.status(which) == status);
    }

    /// The text of a file of this world; empty while there is none.
    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.at(name)
    }

    /// An executable file of this world.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        let source = self.write(&format!("{name}.text"), text);
        self.executable(name, source)
    }

    /// A copy that can be executed at once. Not written by this process: another test that starts a program meanwhile
    /// would hold it open for writing for a moment, and that is "text file busy".
    /// A script that does this when it is asked to end, and says `ready` as soon as it would. Its child must execute
    /// `sleep` by then: before that, the shell's own handler would swallow the child's signal.
    pub(crate) fn trapping(&self, name: &str, at_term: &str) -> String {
        let text = format!(
            "#!/bin/sh\ntrap '{at_term}; exit 0' TERM\nsleep 1000 &\n\
             until [ \"$(cat /proc/$!/comm)\" = sleep ]; do :; done\necho ready\nwait\n"
        );
        self.script(name, &text)
    }

    pub(crate) fn executable(&self, name: &str, source: impl AsRef<OsStr>) -> String {
        let path = self.at(name);
        let mut install = Command::new("install");
        run::to_end(install.args(["-m", "0755"]).arg(source).arg(&path)).succeeds();
        path
    }

    /// A FIFO for the fixture's step `gate`: it waits there until [`World::open_gate`].
    pub(crate) fn gate(&self, name: &str) -> String {
        let path = self.path(name);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
        path.display().to_string()
    }

    /// Lets those through who wait at the gate; waits for the first of them.
    pub(crate) fn open_gate(&self, name: &str) {
        drop(fs::OpenOptions::new().write(true).open(self.path(name)).unwrap());
    }

    /// The process ids that the fixture's step `append` wrote.
    pub(crate) fn pids(&self, name: &str) -> Vec<u32> {
        self.read(name).lines().map(|line| line.parse().unwrap()).collect()
    }

    fn append(&self, name: &str) -> fs::File {
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let pid = self.daemon.as_ref().map(Child::id).or_else(|| self.locked_by());
        if let Some(pid) = pid {
            kernel::signal(pid, rustix::process::Signal::TERM);
        }
        let in_time = match &self.daemon {
            Some(child) => kernel::ends_within(child, BOUND),
            None => pid.is_none_or(|pid| kernel::vanishes_within(pid, BOUND)),
        };
        let left = kernel::end_all_of(self.dir.path());
        if let Some(mut child) = self.daemon.take() {
            let _ = child.wait();
        }
        kernel::remove_cgroups_of(&self.path("data"));
        if std::thread::panicking() {
            eprintln!("---- pmond ----\n{}{}", self.daemon_log(), self.read("logs/pmond.log"));
            return;
        }
        assert!(
            in_time,
            "pmond did not end when it was asked to:\n{}",
            self.daemon_log()
        );
        assert!(left.is_empty(), "left behind: {left:?}\n{}", self.daemon_log());
    }
}

/// Where a program is that a newcomer may not have; `None`: the test cannot be made here. Where PMON3_TEST_PROGRAMS is
/// set, as in CI, all of them must be there.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let found = places.map(|dir| dir.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("PMON3_TEST_PROGRAMS").is_none(),
            "{name} is not installed"
        );
        eprintln!("{name} is not installed here: not tried");
    }
    found
}
