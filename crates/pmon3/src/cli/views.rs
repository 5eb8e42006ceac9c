//! Processes and groups as tables.

use super::table::{Cell, Colour, Column, Overflow, Table};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use pmon3_api::report::SettingReport;
use pmon3_api::{GroupView, ProcessView};
use pmon3_config::join_words;

/// The predecessor's list: one row for each process.
pub(super) fn processes(processes: &[ProcessView], zone: &TimeZone) -> Table {
    let columns = vec![
        Column::new("ID").right().colour(Colour::Yellow),
        Column::new("Name").overflow(Overflow::Cut(8)),
        Column::new("PID").right().rank(1),
        Column::new("⟳").plain("Restarts").right().rank(2),
        Column::new("Status"),
        Column::new("User").overflow(Overflow::Cut(5)).rank(5),
        Column::new("CPU").right().rank(3),
        Column::new("Memory").right().rank(4),
        Column::new("Date").rank(6),
    ];
    let row = |process: &ProcessView| {
        let runs = process.pid.is_some();
        let memory = memory(process.memory_bytes);
        vec![
            Cell::new(process.id.to_string()),
            Cell::new(&process.name),
            Cell::new(pid(process)),
            Cell::new(process.restart_count.to_string()),
            status(&process.status),
            Cell::new(&process.user),
            Cell::new(if runs { cpu(process.cpu_percent) } else { "-".to_owned() }),
            // Without the space, so that elsewhere each column is one word.
            if runs {
                Cell::new(&memory).or_plain(memory.replace(' ', ""))
            } else {
                Cell::new("-")
            },
            Cell::new(local_time(&process.updated_at, zone)),
        ]
    };
    Table {
        columns,
        rows: processes.iter().map(row).collect(),
    }
}

/// The predecessor's description: one row for each property that there is.
pub(super) fn description(process: &ProcessView, zone: &TimeZone) -> Table {
    let time = |text: &str| local_time(text, zone);
    let variables: Vec<String> = process
        .env_vars
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let runs = process.pid.is_some();
    let rows = [
        ("id", process.id.to_string()),
        ("name", process.name.clone()),
        ("pid", pid(process)),
        ("restarted", process.restart_count.to_string()),
        ("process", process.process_file.clone()),
        (
            "args",
            if process.withheld {
                "(of another user)".to_owned()
            } else {
                join_words(&process.args)
            },
        ),
        ("env-vars", join_words(&variables)),
        ("cwd", process.cwd.clone()),
        ("user", process.user.clone()),
        ("log", process.log.clone()),
        ("no-autorestart", (!process.auto_restart).to_string()),
        (
            "stop-timeout",
            process
                .stop_timeout
                .map(|seconds| format!("{seconds} s"))
                .unwrap_or_default(),
        ),
        ("dependencies", process.dependencies.join(", ")),
        ("groups", process.groups.join(", ")),
        ("cpu", if runs { cpu(process.cpu_percent) } else { String::new() }),
        (
            "memory",
            if runs {
                memory(process.memory_bytes)
            } else {
                String::new()
            },
        ),
        (
            "exit code",
            process.exit_code.map(|code| code.to_string()).unwrap_or_default(),
        ),
        ("signal", process.signal.map(signal_name).unwrap_or_default()),
        ("error", process.error.clone().unwrap_or_default()),
        (
            "started_at",
            process.started_at.as_deref().map(time).unwrap_or_default(),
        ),
        ("created_at", time(&process.created_at)),
        ("updated_at", time(&process.updated_at)),
    ];
    let first = [("status", status(&process.status))].into_iter();
    let rest = rows
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| {
            let cell = Cell::new(value);
            (
                name,
                if name == "error" {
                    cell.coloured(Colour::Red)
                } else {
                    cell
                },
            )
        });
    properties(first.chain(rest))
}

/// One group; its processes are a list of their own.
pub(super) fn group(group: &GroupView) -> Table {
    properties(
        [
            ("id", Cell::new(group.id.to_string())),
            ("name", Cell::new(&group.name)),
        ]
        .into_iter(),
    )
}

/// One row for each group.
pub(super) fn groups(groups: &[GroupView]) -> Table {
    let columns = vec![
        Column::new("ID").right().colour(Colour::Yellow),
        Column::new("Name").overflow(Overflow::Cut(8)),
        Column::new("Processes").overflow(Overflow::Wrap(10)).rank(1),
    ];
    let row = |group: &GroupView| {
        let members = if group.processes.is_empty() {
            "-".to_owned()
        } else {
            group.processes.join(", ")
        };
        vec![
            Cell::new(group.id.to_string()),
            Cell::new(&group.name),
            Cell::new(members).or_plain(if group.processes.is_empty() {
                "-".to_owned()
            } else {
                group.processes.join(",")
            }),
        ]
    };
    Table {
        columns,
        rows: groups.iter().map(row).collect(),
    }
}

/// One row for each key.
pub(super) fn settings(settings: &[SettingReport]) -> Table {
    let columns = vec![
        Column::new("Key").colour(Colour::Yellow),
        Column::new("Value").overflow(Overflow::Wrap(8)),
        Column::new("Origin").overflow(Overflow::Wrap(8)),
    ];
    // Without a terminal each line has three columns, also where there is no value.
    let value = |text: &str| {
        if text.is_empty() {
            Cell::new("").or_plain("-")
        } else {
            Cell::new(text)
        }
    };
    let row = |setting: &SettingReport| {
        vec![
            Cell::new(&setting.key),
            value(&setting.value),
            Cell::new(&setting.origin),
        ]
    };
    Table {
        columns,
        rows: settings.iter().map(row).collect(),
    }
}

fn properties(rows: impl Iterator<Item = (&'static str, Cell)>) -> Table {
    let columns = vec![
        Column::new("property").colour(Colour::Yellow),
        Column::new("description").overflow(Overflow::Wrap(10)),
    ];
    Table {
        columns,
        rows: rows.map(|(name, value)| vec![Cell::new(name), value]).collect(),
    }
}

fn status(word: &str) -> Cell {
    let colour = match word {
        "running" => Colour::Green,
        "stopped" => Colour::Yellow,
        "failed" => Colour::Red,
        "backoff" => Colour::Magenta,
        "queued" | "restarting" => Colour::Cyan,
        _ => Colour::Grey,
    };
    Cell::new(word).coloured(colour)
}

fn pid(process: &ProcessView) -> String {
    process.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())
}

fn cpu(percent: f64) -> String {
    format!("{percent:.1}%")
}

/// In the largest unit of which there is at least one, from MB on.
fn memory(bytes: u64) -> String {
    const MEGABYTE: f64 = 1024.0 * 1024.0;
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let megabytes = bytes as f64 / MEGABYTE;
    if megabytes < 1024.0 {
        format!("{megabytes:.1} MB")
    } else {
        format!("{:.1} GB", megabytes / 1024.0)
    }
}

/// `2024-05-03 06:09:18`, as it is where the caller is. What is no time is shown as it came.
fn local_time(text: &str, zone: &TimeZone) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned_datetime(zone.clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => text.to_owned(),
    }
}

/// `9 (SIGKILL)`
fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    let name = usize::try_from(number)
        .ok()
        .and_then(|number| NAMES.get(number.checked_sub(1)?));
    name.map_or_else(|| number.to_string(), |name| format!("{number} (SIG{name})"))
}
