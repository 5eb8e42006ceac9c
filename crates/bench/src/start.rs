//! Starting many programs at once.

use crate::stats::{Row, Spread};
use crate::world::{Error, Tools, World, idle_programs};
use std::process::Command;
use std::time::Instant;

const RUNS: usize = 5;

/// `init` of so many programs from a process configuration, until all are running.
pub(crate) fn measure(tools: &Tools, programs: usize) -> Result<Row, Error> {
    let mut ours = Vec::new();
    let mut floor = Vec::new();
    for _ in 0..RUNS {
        let world = World::start(tools, &[])?;
        let entries = serde_json::json!({ "processes": idle_programs(tools, programs) });
        std::fs::write(world.dir.path().join("processes.json"), entries.to_string())?;
        let began = Instant::now();
        world.run(&["init", "--blocking"])?;
        ours.push(began.elapsed().as_secs_f64() * 1e3);
        drop(world);
        let output = Command::new(&tools.floor)
            .args(["-n", &programs.to_string()])
            .arg(&tools.first)
            .output()?;
        floor.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()? / 1e6);
    }
    let what = format!("init of {programs} programs, command to answer");
    Ok(Row {
        what,
        ours: Spread::of(ours),
        floor: Some(Spread::of(floor)),
        unit: "ms",
    })
}
