//! The rules of the house that neither the compiler nor clippy can see. See ARCHITECTURE.md.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not their helpers"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// One line of code: comments are no part of it.
struct Line {
    file: String,
    number: usize,
    code: String,
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All Rust files below this directory of `crates/`, tests left out.
fn sources(below: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![crates().join(below)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && !["tests", "examples", "benches"].contains(&name.as_str()) {
                dirs.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                files.push(path);
            }
        }
    }
    files
}

/// The code of these files, up to the tests at their end.
fn code(below: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for path in sources(below) {
        let file = path.strip_prefix(crates()).unwrap().display().to_string();
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if line == "#[cfg(test)]" {
                break;
            }
            let code = line.split("//").next().unwrap_or_default().to_owned();
            lines.push(Line {
                file: file.clone(),
                number: number + 1,
                code,
            });
        }
    }
    lines
}

/// No line of these has any of these words, but where it may.
#[track_caller]
fn absent(below: &str, words: &[&str], allowed_in: &[&str], rule: &str) {
    let found: Vec<String> = code(below)
        .iter()
        .filter(|line| !allowed_in.iter().any(|place| line.file.starts_with(place)))
        .filter(|line| words.iter().any(|word| line.code.contains(word)))
        .map(|line| format!("crates/{}:{}: {}", line.file, line.number, line.code.trim()))
        .collect();
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn the_command_line_knows_the_daemon_as_a_socket_only() {
    let rooms = ["crate::daemon", "pmon3_supervisor", "pmon3_store", "pmon3_linux"];
    for part in ["pmon3/src/cli", "pmon3/src/tui"] {
        absent(
            part,
            &rooms,
            &["pmon3/src/cli/daemon.rs"],
            "the command line knows the daemon as a socket only",
        );
    }
    absent(
        "pmon3/src/daemon",
        &["crate::cli", "crate::tui"],
        &[],
        "the daemon does not know the command line",
    );
}

#[test]
fn sql_is_in_the_store_only() {
    absent("", &["rusqlite"], &["store/"], "only the store speaks SQL");
}

#[test]
fn json_is_at_the_wire_and_in_files_only() {
    let speaks_it = [
        "api/",
        "config/",
        "store/",
        "bench/",
        "pmon3/src/daemon/server/",
        "pmon3/src/daemon/hooks.rs",
    ];
    absent("", &["serde_json"], &speaks_it, "JSON is for the wire and for files");
}

#[test]
fn only_the_printer_writes_to_stdout_and_stderr() {
    let ways = ["print!(", "println!(", "eprint!(", "eprintln!(", "stdout()", "stderr()"];
    absent(
        "pmon3/src/cli",
        &ways,
        &["pmon3/src/cli/printer.rs"],
        "the printer writes",
    );
}

#[test]
fn the_programs_fit_a_hand() {
    for path in sources("pmon3/src/bin") {
        let count = fs::read_to_string(&path).unwrap().lines().count();
        assert!(count <= 30, "{} has {count} lines", path.display());
    }
}

#[test]
fn there_is_something_to_look_at() {
    assert!(code("pmon3/src/cli").len() > 1000, "an empty search finds no fault");
}
