//! From SIGKILL of a program to the first instruction of its successor.

use crate::stats::{Row, Spread};
use crate::world::{Error, Tools, World, idle_programs, monotonic, read_record};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Programs that are killed in turn, so that each has lived for more than a second when its turn comes: a program that
/// dies sooner is in a crash loop, and made to wait.
const VICTIMS: usize = 16;
const SAMPLES: usize = 160;
const LIFE: Duration = Duration::from_millis(1100);

struct Victim {
    fifo: File,
    pid: u64,
    born: Instant,
}

/// Among so many programs in all.
pub(crate) fn measure(what: &str, tools: &Tools, programs: usize) -> Result<Row, Error> {
    let dir = tempfile::tempdir()?;
    let fifos: Vec<PathBuf> = (0..VICTIMS).map(|n| dir.path().join(format!("fifo-{n}"))).collect();
    for fifo in &fifos {
        rustix::fs::mkfifoat(rustix::fs::CWD, fifo, rustix::fs::Mode::RWXU)?;
    }
    let entry = |(n, fifo): (usize, &PathBuf)| serde_json::json!({ "file": tools.first, "name": format!("victim-{n}"), "args": [fifo] });
    let mut entries: Vec<_> = fifos.iter().enumerate().map(entry).collect();
    entries.extend(idle_programs(tools, programs.saturating_sub(VICTIMS)));
    let opened = open(&fifos)?;
    let world = World::start(tools, &entries)?;
    let ours = kill_in_turn(opened)?;
    drop(world);

    let opened = open(&fifos)?;
    let start = |fifo: &PathBuf| {
        Command::new(&tools.floor)
            .arg(&tools.first)
            .arg(fifo)
            .stdin(Stdio::null())
            .spawn()
    };
    let mut floors = fifos.iter().map(start).collect::<Result<Vec<_>, _>>()?;
    let floor = kill_in_turn(opened);
    for supervisor in &mut floors {
        supervisor.kill()?;
        supervisor.wait()?;
    }
    let (floor, survivors) = floor?;
    survivors.into_iter().for_each(kill);
    Ok(Row {
        what: what.to_owned(),
        ours: Spread::of(ours.0),
        floor: Some(Spread::of(floor)),
        unit: "ms",
    })
}

/// Read and write: so that it opens without a writer, and never comes to an end.
fn open(fifos: &[PathBuf]) -> std::io::Result<Vec<File>> {
    fifos
        .iter()
        .map(|fifo| File::options().read(true).write(true).open(fifo))
        .collect()
}

/// Milliseconds from each kill to the first instruction after it, and who lives at the end.
fn kill_in_turn(fifos: Vec<File>) -> Result<(Vec<f64>, Vec<u64>), Error> {
    let mut victims = Vec::new();
    for mut fifo in fifos {
        let (_, pid) = read_record(&mut fifo)?;
        victims.push(Victim {
            fifo,
            pid,
            born: Instant::now(),
        });
    }
    let mut times = Vec::new();
    for turn in 0..SAMPLES {
        let Some(victim) = victims.get_mut(turn % VICTIMS) else {
            continue;
        };
        std::thread::sleep(LIFE.saturating_sub(victim.born.elapsed()));
        let killed_at = monotonic();
        kill(victim.pid);
        let (born_at, pid) = read_record(&mut victim.fifo)?;
        times.push(born_at.saturating_sub(killed_at) as f64 / 1e6);
        victim.pid = pid;
        victim.born = Instant::now();
    }
    Ok((times, victims.iter().map(|victim| victim.pid).collect()))
}

fn kill(pid: u64) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
