//! What people see: tables on a terminal and elsewhere, help, progress.

use crate::world::terminal::Terminal;
use crate::world::{PMON3, World, until};

/// The table as it is when it is piped, with what differs from one run to the next named instead.
fn piped(world: &World, args: &[&str]) -> String {
    let shown = world.pmon3(args).stdout;
    let user = world.desc("1")["user"].as_str().unwrap().to_owned();
    let dir = world.at("");
    let mut out = String::new();
    for line in shown.lines() {
        let cells: Vec<String> = line
            .trim()
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .map(|cell| {
                scrubbed(
                    &cell.replace(&dir, "DIR/").replace(dir.trim_end_matches('/'), "DIR"),
                    &user,
                )
            })
            .collect();
        out.push_str(&cells.join(" | "));
        out.push('\n');
    }
    out
}

fn scrubbed(cell: &str, user: &str) -> String {
    let is_number = |text: &str| text.parse::<f64>().is_ok();
    let digits = cell.bytes().filter(u8::is_ascii_digit).count();
    if cell == user {
        "USER".to_owned()
    } else if is_number(cell) && digits > 1 {
        "PID".to_owned()
    } else if cell.strip_suffix('%').is_some_and(is_number) {
        "CPU".to_owned()
    } else if cell.strip_suffix("MB").is_some_and(|text| is_number(text.trim())) {
        "MEMORY".to_owned()
    } else if cell.len() == 19 && digits == 14 {
        "TIME".to_owned()
    } else if cell.ends_with("/fixture") {
        "FIXTURE".to_owned()
    } else {
        cell.to_owned()
    }
}

fn filled() -> World {
    let world = World::new();
    world.exec("web", "hold");
    world.exec_with("once", "exit=3", &["--no-autorestart"]);
    world.until_status("once", "failed");
    world.exec("stopped", "hold");
    world.pmon3(&["stop", "stopped"]);
    world
}

#[test]
fn ls_has_the_predecessors_columns() {
    let world = filled();
    assert_eq!(
        piped(&world, &["ls"]),
        "ID | Name | PID | Restarts | Status | User | CPU | Memory | Date\n\
         1 | web | PID | 0 | running | USER | CPU | MEMORY | TIME\n\
         2 | once | - | 0 | failed | USER | - | - | TIME\n\
         3 | stopped | - | 0 | stopped | USER | - | - | TIME\n"
    );
}

#[test]
fn ls_of_nothing_is_the_heading() {
    let world = World::new();
    let shown = world.pmon3(&["ls"]).stdout;
    assert_eq!(shown.lines().count(), 1, "{shown}");
}

#[test]
fn desc_is_a_table_of_two_columns() {
    let world = filled();
    world.exec_with(
        "full",
        "'say=a b' hold",
        &["--env-vars", "A='b c'", "--dependencies", "web", "--groups", "g"],
    );
    assert_eq!(
        piped(&world, &["desc", "full"]),
        "property | description\n\
         status | running\n\
         id | 4\n\
         name | full\n\
         pid | PID\n\
         restarted | 0\n\
         process | FIXTURE\n\
         args | 'say=a b' hold\n\
         env-vars | 'A=b c'\n\
         cwd | DIR\n\
         user | USER\n\
         log | DIR/logs/full.log\n\
         no-autorestart | false\n\
         dependencies | web\n\
         groups | g\n\
         cpu | CPU\n\
         memory | MEMORY\n\
         started_at | TIME\n\
         created_at | TIME\n\
         updated_at | TIME\n"
    );
    let once = piped(&world, &["desc", "once"]);
    assert!(once.contains("exit code | 3\n"), "{once}");
    let stopped = piped(&world, &["desc", "stopped"]);
    assert!(stopped.contains("signal | 15 (SIGTERM)\n"), "{stopped}");
}

/// The lines of a table on a terminal of so many columns, without colours.
fn on_screen(world: &World, args: &[&str], columns: u16) -> Vec<String> {
    let (code, text) = Terminal::run(world.client(PMON3).args(args).arg("--no-color"), columns, 50).end();
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("\x1b["), "{text:?}");
    text.lines()
        .map(|line| line.trim_end_matches('\r').to_owned())
        .collect()
}

#[test]
fn tables_fit_the_terminal_and_cut_long_names_with_an_ellipsis() {
    let world = filled();
    let long = format!("a-{}", "very-".repeat(20));
    world.exec(&long, "hold");
    for columns in [40, 80, 200] {
        for args in [&["ls"][..], &["desc", "4"], &["group", "ls"]] {
            let lines = on_screen(&world, args, columns);
            for line in &lines {
                assert!(
                    line.chars().count() <= columns.into(),
                    "{columns} columns, {args:?}: {line}"
                );
            }
            assert!(lines.iter().any(|line| line.starts_with('╭')), "{lines:#?}");
        }
        let list = on_screen(&world, &["ls"], columns).join("\n");
        assert_eq!(list.contains('…'), columns < 200, "{list}");
        assert!(list.contains("running") && list.contains("web"), "{list}");
    }
    let all = on_screen(&world, &["ls"], 200).join("\n");
    for heading in ["ID", "Name", "PID", "⟳", "Status", "User", "CPU", "Memory", "Date"] {
        assert!(all.contains(heading), "`{heading}` is not in:\n{all}");
    }
    assert!(
        world.pmon3(&["ls"]).stdout.contains(&long),
        "nothing is cut where no terminal is"
    );
}

#[test]
fn a_status_has_its_colour_on_a_terminal() {
    let world = filled();
    let coloured = Terminal::run(world.client(PMON3).arg("ls"), 120, 50).end().1;
    for status in ["\x1b[32mrunning", "\x1b[31mfailed", "\x1b[33mstopped"] {
        assert!(coloured.contains(status), "{status:?} is not in {coloured:?}");
    }
    let plain = Terminal::run(world.client(PMON3).arg("ls").env("NO_COLOR", "1"), 120, 50)
        .end()
        .1;
    assert!(!plain.contains("\x1b["), "{plain:?}");
    assert!(!world.pmon3(&["ls"]).stdout.contains('\x1b'));
}

#[test]
fn long_work_shows_its_progress_on_a_terminal() {
    let world = World::new();
    let gate = world.gate("gate");
    let slow = world.trapping("slow", &format!("cat {gate}"));
    world.pmon3(&["exec", &slow]);
    until("it is ready", || world.read("logs/slow.log") == "ready\n");
    let terminal = Terminal::run(world.client(PMON3).arg("kill"), 80, 24);
    terminal.until("a line about it", |text| text.contains("waiting for 1"));
    world.open_gate("gate");
    assert_eq!(terminal.end().0, Some(0));
}

const COMMANDS: [&str; 21] = [
    "completion",
    "config",
    "daemon",
    "del",
    "desc",
    "dgraph",
    "drop",
    "exec",
    "export",
    "group",
    "help",
    "init",
    "kill",
    "log",
    "logf",
    "ls",
    "reset",
    "restart",
    "stop",
    "topn",
    "version",
];

#[test]
fn help_lists_every_command() {
    let world = World::without_daemon("");
    let help = world.pmon3(&["--help"]).stdout;
    for command in COMMANDS {
        let listed = help.lines().any(|line| line.split_whitespace().next() == Some(command));
        assert!(listed, "{command} is not in:\n{help}");
    }
    assert_eq!(world.pmon3(&["help"]).stdout, help);
    assert_eq!(world.pmon3(&["-h"]).stdout.lines().next(), help.lines().next());
}

#[test]
fn every_command_has_help() {
    let world = World::without_daemon("");
    for command in COMMANDS.into_iter().filter(|command| *command != "help") {
        let help = world.pmon3(&[command, "--help"]).stdout;
        assert!(help.contains(&format!("Usage: pmon3 {command}")), "{help}");
        assert_eq!(world.pmon3(&["help", command]).stdout, help);
    }
    for command in [
        "assign", "create", "del", "desc", "drop", "ls", "remove", "restart", "stop",
    ] {
        let help = world.pmon3(&["group", command, "--help"]).stdout;
        assert!(help.contains(&format!("Usage: pmon3 group {command}")), "{help}");
    }
}
