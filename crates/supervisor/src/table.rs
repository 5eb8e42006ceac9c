//! Holds the table in the documentation of `process.rs` against the code: every process that can be, given every event,
//! ends in a phase that its cell names, and every phase that a cell names is reached.

use crate::effect::Effect;
use crate::event::{FlapPolicy, Policy};
use crate::process::{Context, Ending, Main, Phase, Process, Stage, Wait};
use crate::record::{Exit, Goal, Live, Rest};
use crate::spec::{Id, Run, Spec};
use crate::testing::{now, spec_of};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

type Event = (&'static str, Box<dyn Fn(&mut Process, &mut Context<'_>)>);

fn event(column: &'static str, happens: impl Fn(&mut Process, &mut Context<'_>) + 'static) -> Event {
    (column, Box::new(happens))
}

/// Each event in all its kinds, with the column that it belongs to.
fn events() -> Vec<Event> {
    let mut all = vec![
        event("start, restart", |process, ctx| process.start(ctx)),
        event("started", |process, ctx| process.started(live(), ctx)),
        event("tree gone", |process, ctx| process.tree_gone(ctx)),
        event("deadline", |process, ctx| process.wake(ctx)),
    ];
    for yes in [false, true] {
        all.push(event("start, restart", move |process, ctx| process.restart(yes, ctx)));
        all.push(event("stop, delete, close", move |process, ctx| {
            process.stop(Goal::Down, yes, ctx)
        }));
        all.push(event("stop, delete, close", move |process, ctx| {
            process.stop(Goal::Gone, yes, ctx)
        }));
        all.push(event("stop, delete, close", move |process, ctx| {
            process.close(yes, ctx)
        }));
        all.push(event("spawn failed", move |process, ctx| {
            process.spawn_failed("no".to_owned(), yes, ctx)
        }));
        all.push(event("exited", move |process, ctx| {
            process.exited(Exit::Code(1), yes, ctx)
        }));
    }
    all
}

fn live() -> Live {
    Live {
        pid: 7,
        identity: "7".to_owned(),
        started_at: now().wall,
    }
}

/// Every process that can be: each phase with the goals that go with it.
fn processes() -> Vec<Process> {
    let at = now().mono;
    let mut phases: Vec<(Phase, Goal, bool)> = Vec::new();
    for (rest, goals) in [
        (Rest::Fresh, vec![Goal::Up]),
        (Rest::Failed, vec![Goal::Up]),
        (Rest::Closed, vec![Goal::Up]),
        (Rest::Stopped, vec![Goal::Down]),
    ] {
        phases.extend(goals.into_iter().map(|goal| (Phase::Resting(rest), goal, true)));
    }
    for wait in [
        Wait::Dependency(0),
        Wait::HeadStart(at),
        Wait::Delay(at),
        Wait::Backoff(at),
    ] {
        phases.push((Phase::Waiting(wait), Goal::Up, false));
    }
    for goal in [Goal::Up, Goal::Down, Goal::Gone] {
        phases.push((Phase::Starting, goal, true));
    }
    phases.push((
        Phase::Running {
            live: live(),
            since: at,
        },
        Goal::Up,
        false,
    ));
    let stages = [
        Stage::Turn { behind: None },
        Stage::Asked { at, kill_at: at },
        Stage::Killed { at, stuck_at: at },
        Stage::Stuck,
    ];
    for stage in stages {
        for goal in [Goal::Up, Goal::Again, Goal::Down, Goal::Gone] {
            let ended = Main::Ended {
                ran: Some(Duration::ZERO),
            };
            phases.push((Phase::Ending(Ending { main: ended, stage }), goal, true));
            if goal != Goal::Up {
                let alive = Main::Alive {
                    live: live(),
                    since: at,
                };
                phases.push((Phase::Ending(Ending { main: alive, stage }), goal, true));
            }
        }
    }
    let mut all = Vec::new();
    for (phase, goal, may_close) in phases {
        for auto_restart in [false, true] {
            for short_runs in [0, 5] {
                for closing in [false, true].into_iter().filter(|closing| may_close || !closing) {
                    let spec = Arc::new(Spec {
                        auto_restart,
                        ..spec_of("web", 0)
                    });
                    let process = Process::new(Id(1), spec, Run(1), now());
                    all.push(Process {
                        phase: phase.clone(),
                        goal,
                        closing,
                        short_runs,
                        ..process
                    });
                }
            }
        }
    }
    all
}

fn word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Resting(_) => "Resting",
        Phase::Waiting(_) => "Waiting",
        Phase::Starting => "Starting",
        Phase::Running { .. } => "Running",
        Phase::Ending(_) => "Ending",
    }
}

/// Phases that a process came to, by its phase before and the event.
fn seen() -> BTreeMap<(String, String), BTreeSet<&'static str>> {
    let mut seen: BTreeMap<(String, String), BTreeSet<&'static str>> = BTreeMap::new();
    let flap = FlapPolicy {
        restarted: 1,
        countdown: Duration::from_secs(60),
        decrement: Duration::ZERO,
    };
    for policy in [
        Policy::for_tests(),
        Policy {
            flap: Some(flap),
            ..Policy::for_tests()
        },
    ] {
        for process in processes() {
            for (column, happens) in events() {
                let mut after = process.clone();
                let mut out: Vec<Effect> = Vec::new();
                happens(
                    &mut after,
                    &mut Context {
                        now: now(),
                        policy: &policy,
                        out: &mut out,
                    },
                );
                let spawned = out.iter().any(|effect| matches!(effect, Effect::Spawn(..)));
                let starts = matches!(after.phase, Phase::Starting) && !matches!(process.phase, Phase::Starting);
                assert_eq!(
                    spawned, starts,
                    "a spawn and nothing else leads to Starting: {process:?}, {column}"
                );
                let cell = seen
                    .entry((word(&process.phase).to_owned(), column.to_owned()))
                    .or_default();
                if word(&after.phase) != word(&process.phase) {
                    cell.insert(word(&after.phase));
                }
            }
        }
    }
    seen
}

/// What a cell of the documentation says, apart from staying where it is.
fn promised(phase: &str, cell: &str) -> BTreeSet<&'static str> {
    let meanings: [(&str, &[&'static str]); 9] = [
        ("`Resting`", &["Resting"]),
        ("`Waiting`", &["Waiting"]),
        ("`Running`", &["Running"]),
        ("`Ending`", &["Ending"]),
        ("*start*", &["Starting"]),
        ("*end*", &["Ending"]),
        ("*gone*", &["Resting", "Waiting", "Starting"]),
        ("*death*", &["Resting", "Waiting", "Starting"]),
        ("SIGKILL to leftovers", &["Ending"]),
    ];
    let said = meanings
        .iter()
        .filter(|(text, _)| cell.contains(text))
        .flat_map(|(_, phases)| phases.iter().copied());
    said.filter(|other| *other != phase).collect()
}

#[test]
fn the_table_in_the_documentation_is_true_and_complete() {
    let rows: Vec<Vec<&str>> = include_str!("process.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//! |"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let (head, rows) = rows.split_first().unwrap();
    let seen = seen();
    let mut cells = 0;
    for row in &rows[1..] {
        let phase = row[0].trim_matches('`');
        for (column, cell) in head.iter().zip(row).skip(1).filter(|(column, _)| !column.is_empty()) {
            let found = seen
                .get(&(phase.to_owned(), (*column).to_owned()))
                .cloned()
                .unwrap_or_default();
            assert_eq!(found, promised(phase, cell), "{phase}, {column}: {cell}");
            cells += 1;
        }
    }
    assert_eq!(cells, 5 * 7);
    assert_eq!(seen.len(), cells, "no event without a column");
}
