//! Whole processes of the command line, beside the shortest program there is.

use crate::stats::{Row, Spread};
use crate::world::{Error, Tools, World};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 60;

/// `pmon3 ls` with so many programs.
pub(crate) fn row(tools: &Tools, world: &World, programs: usize) -> Result<Row, Error> {
    let ours = time(|| world.command(&["ls"]))?;
    let floor = time(|| shortest(tools))?;
    Ok(Row {
        what: format!("pmon3 ls, {programs} programs, whole process"),
        ours,
        floor: Some(floor),
        unit: "ms",
    })
}

/// Commands that need no daemon.
pub(crate) fn measure(tools: &Tools) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for argument in ["--version", "--help"] {
        let command = || {
            let mut command = Command::new(&tools.pmon3);
            command.arg(argument);
            command
        };
        let what = format!("pmon3 {argument}, whole process");
        rows.push(Row {
            what,
            ours: time(command)?,
            floor: Some(time(|| shortest(tools))?),
            unit: "ms",
        });
    }
    Ok(rows)
}

/// A process that ends at once: `floor` without arguments.
fn shortest(tools: &Tools) -> Command {
    Command::new(&tools.floor)
}

fn time(command: impl Fn() -> Command) -> Result<Spread, Error> {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let mut command = command();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let began = Instant::now();
        command.status()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Spread::of(times))
}
