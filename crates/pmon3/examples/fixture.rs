//! A program for the end-to-end tests to supervise: carries out its arguments one after the other, then ends with code 0.
//!
//! | step | what it does |
//! | --- | --- |
//! | `say=TEXT`, `err=TEXT` | a line on stdout, on stderr |
//! | `lines=N` | the lines `line 1` to `line N` on stdout |
//! | `append=FILE` | adds its process id as a line to FILE |
//! | `report` | a line of JSON on stdout: all that it was given |
//! | `gate=FIFO` | waits until somebody has opened FIFO for writing and closed it again |
//! | `listen=FILE` | listens on a free port of the loopback, writes its number to FILE, answers each connection with its process id; for ever |
//! | `hold` | sleeps for ever |
//! | `exit=CODE`, `die=SIGNAL` | ends so |
//! | `setsid` | becomes the leader of a session of its own |
//! | `daemonize` | a child carries out the rest; this process ends |
//! | `spawn=STEPS` | a child carries out STEPS, which are separated by `;`; this process goes on |
//! | `spawn-clean=`, `spawn-deaf=`, `spawn-clean-deaf=` | the same, with an empty environment, with SIGTERM ignored, with both |

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, ExitCode};
use std::{env, fs};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fixture: {error}");
            ExitCode::from(99)
        }
    }
}

fn run() -> io::Result<ExitCode> {
    let steps: Vec<String> = env::args().skip(1).collect();
    for (place, step) in steps.iter().enumerate() {
        let (verb, value) = step.split_once('=').unwrap_or((step, ""));
        match verb {
            "say" => println!("{value}"),
            "err" => eprintln!("{value}"),
            "lines" => write_lines(number(value)?)?,
            "append" => append_line(value, std::process::id())?,
            "report" => println!("{}", report()?),
            "gate" => drop(fs::File::open(value)?.read_to_end(&mut Vec::new())?),
            "listen" => listen(value)?,
            "hold" => loop {
                std::thread::park();
            },
            "exit" => return Ok(ExitCode::from(number(value)? as u8)),
            "die" => die(number(value)? as i32)?,
            "setsid" => drop(rustix::process::setsid()?),
            "daemonize" => {
                myself(&steps[place + 1..])?.spawn()?;
                return Ok(ExitCode::SUCCESS);
            }
            _ => {
                let Some(how) = verb.strip_prefix("spawn") else {
                    return Err(io::Error::other(format!("no such step: {step}")));
                };
                spawn(how, value)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn number(text: &str) -> io::Result<u64> {
    text.parse()
        .map_err(|_| io::Error::other(format!("not a number: {text}")))
}

fn write_lines(count: u64) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in 1..=count {
        writeln!(out, "line {line}")?;
    }
    out.flush()
}

fn append_line(path: &str, line: impl std::fmt::Display) -> io::Result<()> {
    // One write: lines of several processes do not mix.
    fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?
        .write_all(format!("{line}\n").as_bytes())
}

fn listen(port_file: &str) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    append_line(port_file, listener.local_addr()?.port())?;
    loop {
        let (mut stream, _) = listener.accept()?;
        // Somebody who hangs up early is not our concern.
        let _ = writeln!(stream, "{}", std::process::id());
    }
}

fn die(signal: i32) -> io::Result<()> {
    let signal = rustix::process::Signal::from_named_raw(signal).ok_or_else(|| io::Error::other("no such signal"))?;
    rustix::process::kill_process(rustix::process::getpid(), signal)?;
    loop {
        std::thread::park();
    }
}

fn myself(steps: &[String]) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.args(steps);
    Ok(command)
}

fn spawn(how: &str, steps: &str) -> io::Result<()> {
    let steps: Vec<String> = steps.split(';').map(str::to_owned).collect();
    let mut command = if how.contains("-deaf") {
        // That a signal is ignored is inherited through execve.
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", r#"trap "" TERM; exec "$0" "$@""#])
            .arg(env::current_exe()?)
            .args(steps);
        shell
    } else {
        myself(&steps)?
    };
    if how.contains("-clean") {
        command.env_clear();
    }
    command.spawn().map(drop)
}

/// All that this process was given by who started it.
fn report() -> io::Result<serde_json::Value> {
    let mut descriptors = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // The descriptor of the directory that is being read is gone by the time it is looked at in the test's list.
        let target = fs::read_link(entry.path())?.to_string_lossy().into_owned();
        if !target.ends_with("/fd") {
            descriptors.push((name, target));
        }
    }
    descriptors.sort();
    let environment: std::collections::BTreeMap<String, String> = env::vars_os()
        .map(|(k, v)| (k.to_string_lossy().into_owned(), v.to_string_lossy().into_owned()))
        .collect();
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|l| l.strip_prefix(name))
            .map(str::trim)
            .unwrap_or_default()
    };
    Ok(serde_json::json!({
        "pid": std::process::id(),
        "session": rustix::process::getsid(None)?.as_raw_nonzero().get(),
        "argv": env::args().collect::<Vec<_>>(),
        "env": environment,
        "cwd": env::current_dir()?,
        "descriptors": descriptors,
        "uid": field("Uid:"),
        "gid": field("Gid:"),
        "groups": field("Groups:"),
        "signals_blocked": field("SigBlk:"),
    }))
}
