//! How fast pmon3 is, each figure beside the floor of the same machine in the same run.
//!
//! `cargo run --release -p pmon3-bench` builds what it measures, measures, and prints a table; `-- --write` puts it into
//! docs/performance.md. Nothing here passes or fails.

mod death;
mod idle;
mod list;
mod start;
mod stats;
mod world;

use stats::Row;
use std::process::{Command, ExitCode};
use world::Tools;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let write = std::env::args().skip(1).any(|argument| argument == "--write");
    let tools = Tools::build()?;
    let mut rows: Vec<Row> = Vec::new();
    for (what, programs) in [
        ("death to first instruction, 1 program", 1),
        ("the same among 100 programs", 100),
    ] {
        eprintln!("measuring: {what}");
        rows.push(death::measure(what, &tools, programs)?);
    }
    eprintln!("measuring: start");
    rows.push(start::measure(&tools, 1000)?);
    for programs in [0, 100, 1000] {
        eprintln!("measuring: idle and list with {programs} programs");
        rows.extend(idle::measure(&tools, programs)?);
    }
    rows.extend(list::measure(&tools)?);
    let table = stats::table(&machine(), &rows);
    println!("{table}");
    if write {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/performance.md");
        stats::replace_table(path, &table)?;
        eprintln!("written to docs/performance.md");
    }
    Ok(())
}

/// The machine in one line.
fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("")
        .trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let kernel = Command::new("uname")
        .arg("-sr")
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    format!("{cores} cores of {model}, {}", String::from_utf8_lossy(&kernel).trim())
}
