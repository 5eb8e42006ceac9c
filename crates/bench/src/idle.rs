//! What a daemon costs that has nothing to do.

use crate::stats::{Row, Spread};
use crate::world::{Error, Tools, World, idle_programs};
use std::time::Duration;

const WATCHED: Duration = Duration::from_secs(10);

/// Memory, wake-ups and the time of a list, with so many idle programs.
pub(crate) fn measure(tools: &Tools, programs: usize) -> Result<Vec<Row>, Error> {
    let world = World::start(tools, &idle_programs(tools, programs))?;
    world.wait_for_running(programs)?;
    let pid = world.daemon.id();
    let before = switches(pid)?;
    // The one sleep that is the measurement itself.
    std::thread::sleep(WATCHED);
    let woken = switches(pid)? - before;
    let memory = pss_kib(pid)? / 1024.0;
    let row = |what: String, ours, unit| Row {
        what,
        ours,
        floor: None,
        unit,
    };
    Ok(vec![
        row(
            format!("pmond's memory (PSS), {programs} idle programs"),
            Spread::single(memory),
            "MiB",
        ),
        row(
            format!("context switches of pmond in 10 s, {programs} idle programs"),
            Spread::single(woken),
            "",
        ),
        crate::list::row(tools, &world, programs)?,
    ])
}

/// Context switches of all threads: a thread that makes no system call and is not interrupted has none.
fn switches(pid: u32) -> Result<f64, Error> {
    let mut sum = 0.0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = std::fs::read_to_string(task?.path().join("status"))?;
        for line in status.lines().filter(|line| line.contains("_ctxt_switches")) {
            sum += line.rsplit(char::is_whitespace).next().unwrap_or("0").parse::<f64>()?;
        }
    }
    Ok(sum)
}

fn pss_kib(pid: u32) -> Result<f64, Error> {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .ok_or("no Pss in smaps_rollup")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
