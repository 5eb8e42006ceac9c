//! What is measured: release binaries, two little C programs, and a private daemon.

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) type Error = Box<dyn std::error::Error>;

/// The programs.
pub(crate) struct Tools {
    pub(crate) pmon3: PathBuf,
    pub(crate) first: PathBuf,
    pub(crate) floor: PathBuf,
    _dir: tempfile::TempDir,
}

impl Tools {
    /// Builds them.
    pub(crate) fn build() -> Result<Tools, Error> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        succeed(
            Command::new(cargo)
                .current_dir(root)
                .args(["build", "--release", "--quiet", "-p", "pmon3"]),
        )?;
        // This program lies where the others do.
        let pmon3 = std::env::current_exe()?.with_file_name("pmon3");
        let dir = tempfile::tempdir()?;
        let source = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("src/c").join(name);
        let (first, floor) = (dir.path().join("first"), dir.path().join("floor"));
        succeed(
            Command::new("cc")
                .args([
                    "-O2",
                    "-static",
                    "-nostdlib",
                    "-ffreestanding",
                    "-fno-stack-protector",
                    "-o",
                ])
                .arg(&first)
                .arg(source("first.c")),
        )?;
        succeed(
            Command::new("cc")
                .args(["-O2", "-o"])
                .arg(&floor)
                .arg(source("floor.c")),
        )?;
        Ok(Tools {
            pmon3,
            first,
            floor,
            _dir: dir,
        })
    }
}

fn succeed(command: &mut Command) -> Result<(), Error> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// A private daemon; it ends when this is dropped.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) daemon: Child,
    pmon3: PathBuf,
}

impl World {
    /// Starts it, with these processes in its process configuration.
    pub(crate) fn start(tools: &Tools, entries: &[serde_json::Value]) -> Result<World, Error> {
        let dir = tempfile::tempdir()?;
        let at = |name: &str| dir.path().join(name).display().to_string();
        let settings = format!(
            "data_dir: {}\nlogs_dir: {}\nsocket: {}\nprocess_config_file: {}\ndependent_process_enqueued_wait: 0\nstop_timeout: 1\nlog_level: info\n",
            at("data"),
            at("log"),
            at("sock"),
            at("processes.json")
        );
        std::fs::write(dir.path().join("config.yml"), settings)?;
        std::fs::write(
            dir.path().join("processes.json"),
            serde_json::json!({ "processes": entries }).to_string(),
        )?;
        let mut daemon = Command::new(&tools.pmon3)
            .arg("daemon")
            .env("PMON3_CONF", dir.path().join("config.yml"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = daemon.stderr.take().ok_or("no stderr")?;
        let mut lines = BufReader::new(stderr).lines();
        let ready = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.contains(" is ready"));
        if ready.is_none() {
            let _ = daemon.kill();
            daemon.wait()?;
            return Err("pmond did not become ready".into());
        }
        // Somebody must go on reading, or it would wait.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(World {
            dir,
            daemon,
            pmon3: tools.pmon3.clone(),
        })
    }

    /// A command to this daemon.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.pmon3);
        command
            .args(arguments)
            .env("PMON3_CONF", self.dir.path().join("config.yml"))
            .stdin(Stdio::null());
        command
    }

    /// The same, carried out.
    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, Error> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            return Err(format!("pmon3 {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(output.stdout)
    }

    /// Waits until so many are running.
    pub(crate) fn wait_for_running(&self, count: usize) -> Result<(), Error> {
        for _ in 0..600 {
            let list: serde_json::Value = serde_json::from_slice(&self.run(&["ls", "--json"])?)?;
            let running = list
                .as_array()
                .into_iter()
                .flatten()
                .filter(|one| one["status"] == "running")
                .count();
            if running >= count {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        Err(format!("not all of {count} programs are running after a minute").into())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.daemon.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.daemon.wait();
    }
}

/// So many idle programs.
pub(crate) fn idle_programs(tools: &Tools, count: usize) -> Vec<serde_json::Value> {
    (0..count)
        .map(|n| serde_json::json!({ "file": tools.first, "name": format!("idle-{n}") }))
        .collect()
}

/// Nanoseconds of the clock that `first` reads.
pub(crate) fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
}

/// What `first` said: when it began, and who it is.
pub(crate) fn read_record(fifo: &mut impl io::Read) -> io::Result<(u64, u64)> {
    let mut record = [0; 16];
    fifo.read_exact(&mut record)?;
    let number = |range: std::ops::Range<usize>| {
        record
            .get(range)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u64::from_ne_bytes)
    };
    Ok((number(0..8), number(8..16)))
}
