//! Ten thousand at once: nothing grows with the square of their number.

use crate::world::*;
use pmon3_supervisor::*;
use std::sync::Arc;

const MANY: usize = 10_000;

fn world() -> World {
    World::new().forgetful()
}

fn stop_all() -> Request {
    Request::Stop {
        which: Which::All,
        force: false,
    }
}

/// Starts them, lets each die once, stops and deletes them. In an unoptimised build this takes seconds; anything
/// quadratic would take many minutes.
fn live_and_die(entries: Vec<Spec>) {
    let mut w = world();
    let accepted = w.init(entries, InitScope::Entries);
    assert_eq!(accepted.ids.len(), MANY);
    assert_eq!(w.linux.alive().len(), MANY);
    w.advance(secs(2));
    for id in &accepted.ids {
        w.inbox
            .extend(w.linux.die(*id, Exit::Code(1)).into_iter().map(observed));
    }
    w.drain();
    assert_eq!(w.linux.alive().len(), MANY);
    w.crash_and_restore();
    let ticket = w.ask(stop_all());
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert!(w.linux.alive().is_empty());
    let ticket = w.ask(Request::Delete {
        which: Which::All,
        force: false,
    });
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert_eq!(w.removed_logs.len(), MANY);
}

#[test]
fn ten_thousand_that_know_nothing_of_one_another() {
    live_and_die((0..MANY).map(|n| spec(&format!("p{n}"))).collect());
}

#[test]
fn ten_thousand_that_depend_on_one() {
    let all = (0..MANY).map(|n| {
        if n == 0 {
            spec("p0")
        } else {
            spec(&format!("p{n}")).after(&["p0"])
        }
    });
    live_and_die(all.collect());
}

#[test]
fn one_that_depends_on_ten_thousand() {
    let names: Vec<String> = (1..MANY).map(|n| format!("p{n}")).collect();
    let first = spec("p0").after(&names.iter().map(String::as_str).collect::<Vec<_>>());
    live_and_die([first].into_iter().chain(names.iter().map(|name| spec(name))).collect());
}

#[test]
fn a_chain_of_ten_thousand() {
    let link = |n: usize| {
        let text = format!("p{n}");
        if n + 1 == MANY {
            spec(&text)
        } else {
            spec(&text).after(&[&format!("p{}", n + 1)])
        }
    };
    live_and_die((0..MANY).map(link).collect());
}

#[test]
fn a_spec_is_shared_and_not_copied_by_anything_that_happens() {
    let mut w = world();
    let spec = Arc::new(spec("web"));
    w.accepted(Request::Exec(spec.clone()));
    w.restart(Id(1));
    w.dies(Id(1), Exit::Code(1));
    assert!(Arc::ptr_eq(&spec, &w.view(Id(1)).spec));
    assert!(Arc::ptr_eq(&spec, &w.disk.records[&Id(1)].spec));
}
