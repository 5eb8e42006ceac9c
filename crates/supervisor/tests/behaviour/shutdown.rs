//! The daemon ends.

use crate::world::*;
use pmon3_supervisor::*;

#[test]
fn everything_ends_in_reverse_order_is_recorded_as_closed_and_only_then_the_daemon_does() {
    let mut w = World::new();
    let entries = vec![
        spec("db"),
        spec("web").after(&["db"]),
        spec("stopped"),
        spec("failed").once(),
    ];
    w.init(entries, InitScope::Entries);
    w.stop(Id(3));
    w.dies(Id(4), Exit::Code(1));
    w.linux.signalled.clear();
    w.done.clear();
    w.shut_down();
    assert!(w.finished);
    assert_eq!(w.linux.signalled, [(Id(2), Ask::Terminate), (Id(1), Ask::Terminate)]);
    let rests: Vec<Rest> = w.disk.records.values().map(|record| record.rest).collect();
    assert_eq!(rests, [Rest::Closed, Rest::Closed, Rest::Stopped, Rest::Failed]);
    assert_eq!([1, 2].map(|id| w.disk.records[&Id(id)].goal), [Goal::Up, Goal::Up]);
    assert!(matches!(w.done.last(), Some(Effect::Finish)));
    assert_eq!(w.status(Id(1)), Status::Closed);
}

#[test]
fn those_that_ignore_sigterm_are_killed_after_their_stop_timeout() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web").stop_timeout(secs(3)));
    w.shut_down();
    w.advance(millis(2_999));
    assert!(!w.finished);
    w.advance(millis(1));
    assert!(w.finished);
}

#[test]
fn a_second_shutdown_kills_at_once() {
    let mut w = World::new();
    for name in ["db", "web"] {
        w.linux.program(name).ignores_term = true;
    }
    w.init(vec![spec("db"), spec("web").after(&["db"])], InitScope::Entries);
    w.shut_down();
    assert!(!w.finished);
    w.shut_down();
    assert!(w.finished);
    assert!(w.linux.alive().is_empty());
}

#[test]
fn where_programs_outlive_the_daemon_it_ends_when_its_writes_are_answered() {
    let mut w = World::with(Policy {
        stop_on_shutdown: false,
        ..policy()
    });
    w.exec(spec("web"));
    w.advance(secs(2));
    let seen = w.linux.die(Id(1), Exit::Code(1)).remove(0);
    w.handle(observed(seen));
    let effects: Vec<Effect> = w.effects.drain(..).collect();
    effects.into_iter().for_each(|effect| w.perform(effect));
    w.handle(Event::Shutdown);
    assert!(!w.effects.contains(&Effect::Finish), "a write is under way");
    w.drain();
    assert!(w.finished);
    assert!(w.linux.is_alive(Id(1)), "and the restart was still done");
    assert!(w.signals(Id(1)).is_empty());
    w.crash_and_restore();
    assert_eq!(w.status(Id(1)), Status::Running);
    assert_eq!(w.starts(Id(1)), 2);
}

#[test]
fn a_daemon_with_nothing_to_do_ends_at_once() {
    let mut w = World::new();
    w.shut_down();
    assert!(w.finished);
    w.drain();
}

#[test]
fn nothing_is_done_after_the_end() {
    let mut w = World::with(Policy {
        stop_on_shutdown: false,
        ..policy()
    });
    let web = w.exec(spec("web"));
    w.shut_down();
    assert!(w.finished);
    w.dies(web, Exit::Code(1));
    w.advance(secs(60));
    assert_eq!(w.starts(web), 1);
}

#[test]
fn a_disk_that_fails_does_not_keep_the_daemon_from_ending() {
    let mut w = World::new();
    w.exec(spec("web"));
    w.disk.broken = Some("full".to_owned());
    w.shut_down();
    assert!(w.finished);
}

#[test]
fn the_end_is_a_last_chance_for_what_was_not_written() {
    let mut w = World::with(Policy {
        stop_on_shutdown: false,
        ..policy()
    });
    let web = w.exec(spec("web"));
    w.disk.broken = Some("full".to_owned());
    w.dies(web, Exit::Code(1));
    w.disk.broken = None;
    w.shut_down();
    assert!(w.finished);
    w.assert_stored_is_remembered();
}

#[test]
fn a_request_on_its_way_to_the_disk_is_answered_and_those_behind_it_are_refused() {
    let mut w = World::new();
    let first = w.send(&root(), Request::Exec(spec("web").once().into()));
    let second = w.send(&root(), Request::Exec(spec("db").into()));
    w.inbox.push_back(Event::Shutdown);
    w.drain();
    assert!(w.replies[&first].is_ok());
    assert_eq!(w.problems(first).unwrap(), ["web: pmond is closing"]);
    assert_eq!(w.replies[&second], Err(Refusal::Closing));
    assert!(w.finished);
    assert_eq!(w.starts(Id(1)), 0);
    w.crash_and_restore();
    assert_eq!(
        w.status(Id(1)),
        Status::Running,
        "what was accepted is done by the next daemon"
    );
}

#[test]
fn who_waits_for_a_restart_is_told_that_the_daemon_closes() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web").once());
    let ticket = w.restart(Id(1));
    w.shut_down();
    w.advance(secs(10));
    assert_eq!(w.problems(ticket).unwrap(), ["web: pmond is closing"]);
    w.linux.program("web").ignores_term = false;
    w.crash_and_restore();
    assert_eq!(w.status(Id(1)), Status::Running, "the restart is still owed");
}

#[test]
fn waiting_ones_are_owed_their_start() {
    let mut w = World::with(Policy {
        dependency_wait: secs(2),
        ..policy()
    });
    w.init(vec![spec("db"), spec("job").once().after(&["db"])], InitScope::Entries);
    w.shut_down();
    assert!(w.finished);
    w.crash_and_restore();
    w.advance(secs(2));
    assert_eq!(w.status(Id(2)), Status::Running);
}
