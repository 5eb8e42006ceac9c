//! `pmon3 topn`: the processes in the system's own top(1).

mod keys;
mod top;

use self::keys::{Key, Keys};
use self::top::Top;
use super::failure::Failure;
use super::session::Session;
use super::table::{self, Page};
use clap::Args;
use pmon3_api::ProcessView;
use pmon3_api::client::Client;
use tokio::signal::unix::{SignalKind, signal};

const EXAMPLES: &str = "\
Examples:
  pmon3 topn
  pmon3 topn -s 5
  pmon3 topn > snapshot.txt    one look, without a terminal

Keys: s sorts by CPU or by memory, Esc and q leave.";

/// top(1) shows no more processes than this when it is told which.
const LIMIT: usize = 20;

/// Watch pmond and its processes in top(1)
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Topn {
    /// Look every so many seconds
    #[arg(long, short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
}

/// By what the processes are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Cpu,
    Memory,
}

impl Sort {
    fn other(self) -> Sort {
        match self {
            Sort::Cpu => Sort::Memory,
            Sort::Memory => Sort::Cpu,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Sort::Cpu => "CPU",
            Sort::Memory => "memory",
        }
    }
}

impl Topn {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let client = session.daemon().await?;
        let pmond = session.heard(client.version().await)?.pid;
        if matches!(session.printer.page(), Page::Plain) || !keys::is_terminal() {
            let choice = choose(pmond, session.heard(client.processes(true).await)?, Sort::Memory);
            let frame = Top::start(&choice.pids, Sort::Memory, None, None)?.frame().await?;
            return session.printer.text(&frame);
        }
        let mut keys = Keys::open().map_err(|e| Failure::new(format!("cannot read keys from the terminal: {e}")))?;
        // What was on the screen comes back at the end.
        session.printer.text("\x1b[?1049h\x1b[?25l")?;
        let ended = self.watch(session, &client, pmond, &mut keys).await;
        session.printer.text("\x1b[?25h\x1b[?1049l")?;
        ended
    }

    async fn watch(&self, session: &mut Session, client: &Client, pmond: u32, keys: &mut Keys) -> Result<(), Failure> {
        let cannot = |e| Failure::new(format!("cannot wait for signals: {e}"));
        let mut terminated = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut hung_up = signal(SignalKind::hangup()).map_err(cannot)?;
        let mut sort = Sort::Memory;
        // The first look comes at once. It knows CPU times since each process began only; those after it, since the last.
        let mut over = None;
        loop {
            // Processes come and go: each look is at those that are there.
            let choice = choose(pmond, session.heard(client.processes(true).await)?, sort);
            let (columns, rows) = session.printer.window();
            let mut top = Top::start(&choice.pids, sort, over, Some(columns))?;
            loop {
                tokio::select! {
                    frame = top.frame() => {
                        session.printer.text(&screen(&frame?, &choice, sort, columns, rows))?;
                        over = Some(self.seconds);
                        break;
                    }
                    key = keys.next() => match key {
                        Ok(Key::Leave) | Err(_) => return Ok(()),
                        Ok(Key::Sort) => {
                            sort = sort.other();
                            over = None;
                            break;
                        }
                        Ok(Key::Other) => {}
                    },
                    _ = terminated.recv() => return Ok(()),
                    _ = hung_up.recv() => return Ok(()),
                }
            }
        }
    }
}

/// What is looked at.
#[derive(Debug, PartialEq, Eq)]
struct Choice {
    pids: Vec<u32>,
    /// Shown and running processes, if not all are shown.
    left_out: Option<(usize, usize)>,
}

/// pmond and the processes that run; the busiest of them, if there are too many for top(1).
fn choose(pmond: u32, processes: Vec<ProcessView>, sort: Sort) -> Choice {
    let mut running: Vec<ProcessView> = processes.into_iter().filter(|process| process.pid.is_some()).collect();
    let all = running.len();
    let room = LIMIT - 1;
    if all > room {
        running.sort_by(|a, b| match sort {
            Sort::Cpu => b.cpu_percent.total_cmp(&a.cpu_percent),
            Sort::Memory => b.memory_bytes.cmp(&a.memory_bytes),
        });
        running.truncate(room);
    }
    let pids = std::iter::once(pmond)
        .chain(running.iter().filter_map(|process| process.pid))
        .collect();
    Choice {
        pids,
        left_out: (all > room).then_some((room, all)),
    }
}

/// One frame, over the one before: nothing is wider or higher than the terminal, so nothing scrolls or wraps.
fn screen(frame: &str, choice: &Choice, sort: Sort, columns: usize, rows: usize) -> String {
    let mut heading = format!("Press Esc or q to quit, s to sort by {}", sort.other().name());
    if let Some((shown, all)) = choice.left_out {
        heading.push_str(&format!("; the {shown} busiest of {all} processes are shown"));
    }
    let lines = std::iter::once(heading.as_str()).chain(frame.lines());
    let lines: Vec<String> = lines
        .take(rows)
        .map(|line| format!("{}\x1b[K", table::cut(line, columns)))
        .collect();
    format!(
        "\x1b[H\x1b[1;31m{}\x1b[J",
        lines.join("\r\n").replacen("\x1b[K", "\x1b[0m\x1b[K", 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::sample;

    fn running(count: u32) -> Vec<ProcessView> {
        let process = |n: u32| ProcessView {
            pid: Some(100 + n),
            cpu_percent: f64::from(n),
            memory_bytes: u64::from(1000 - n),
            ..sample(n, "p")
        };
        (1..=count).map(process).collect()
    }

    #[test]
    fn pmond_and_all_that_run_are_shown_while_top_has_room() {
        let mut processes = running(19);
        processes.push(ProcessView {
            pid: None,
            ..sample(20, "stopped")
        });
        let choice = choose(7, processes, Sort::Cpu);
        assert_eq!(choice.pids.len(), 20);
        assert_eq!(choice.pids[..2], [7, 101]);
        assert_eq!(choice.left_out, None);
    }

    #[test]
    fn of_too_many_the_busiest_are_shown() {
        let choice = choose(7, running(30), Sort::Cpu);
        assert_eq!(choice.pids[..3], [7, 130, 129]);
        assert_eq!((choice.pids.len(), choice.left_out), (20, Some((19, 30))));
        assert_eq!(choose(7, running(30), Sort::Memory).pids[..3], [7, 101, 102]);
    }

    #[test]
    fn a_frame_fits_the_terminal_and_says_what_is_left_out() {
        let choice = choose(7, running(30), Sort::Cpu);
        let text = screen(
            "top - 1\n\n  PID USER      PR\n    7 root      20\n",
            &choice,
            Sort::Cpu,
            14,
            4,
        );
        assert_eq!(
            text,
            "\x1b[H\x1b[1;31mPress Esc or …\x1b[0m\x1b[K\r\ntop - 1\x1b[K\r\n\x1b[K\r\n  PID USER   …\x1b[K\x1b[J"
        );
        let wide = screen("", &choice, Sort::Cpu, 200, 4);
        assert!(wide.contains("Press Esc or q to quit, s to sort by memory; the 19 busiest of 30 processes are shown"));
    }
}
