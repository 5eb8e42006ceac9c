//! Who waits for what, and how it ends.

use crate::world::*;
use pmon3_supervisor::*;

#[test]
fn a_request_about_many_is_settled_once_with_all_its_problems() {
    let mut w = World::new();
    w.linux.program("b").fails = Some(("cannot start /bin/b: no such file".to_owned(), false));
    w.linux.program("d").fails = Some(("cannot start /bin/d: permission denied".to_owned(), false));
    let entries = ["a", "b", "c", "d"]
        .map(|text| std::sync::Arc::new(spec(text)))
        .to_vec();
    let ticket = w.ask(Request::Init {
        entries,
        scope: InitScope::Entries,
    });
    assert_eq!(
        w.problems(ticket).unwrap(),
        [
            "b: cannot start /bin/b: no such file",
            "d: cannot start /bin/d: permission denied"
        ]
    );
}

#[test]
fn pending_says_what_each_is_waiting_for() {
    let mut w = World::with(Policy {
        dependency_wait: secs(2),
        ..policy()
    });
    let entries = [spec("db"), spec("web").after(&["db"])]
        .map(std::sync::Arc::new)
        .to_vec();
    let ticket = w.ask(Request::Init {
        entries,
        scope: InitScope::Entries,
    });
    assert_eq!(w.pending(ticket), ["web: starts in 2 s: what it depends on runs"]);
    w.advance(secs(2));
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert!(w.pending(ticket).is_empty());
}

#[test]
fn whoever_does_not_wait_any_more_hears_nothing_more() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web"));
    let stop = w.stop(Id(1));
    w.core.withdraw(stop);
    assert!(w.pending(stop).is_empty());
    w.advance(secs(10));
    assert_eq!(w.status(Id(1)), Status::Stopped, "it is done all the same");
    assert_eq!(w.problems(stop), None);
}

#[test]
fn a_request_that_is_withdrawn_before_its_reply_is_replied_to_and_no_more() {
    let mut w = World::new();
    let under_way = w.send(&root(), Request::Exec(spec("a").into()));
    let queued = w.send(&root(), Request::Exec(spec("b").into()));
    for _ in 0..2 {
        let event = w.inbox.pop_front().unwrap();
        w.handle(event);
        while let Some(effect) = w.effects.pop_front() {
            w.perform(effect);
        }
    }
    w.core.withdraw(under_way);
    w.core.withdraw(queued);
    w.drain();
    assert!(w.replies[&under_way].is_ok() && w.replies[&queued].is_ok());
    assert!(w.settled.is_empty());
    assert_eq!(w.core.views().len(), 2);
}

#[test]
fn who_waits_for_a_start_hears_of_the_delete_that_came_before_it() {
    let mut w = World::new();
    let db = w.exec(spec("db"));
    w.stop(db);
    let ticket = w.ask(Request::Exec(spec("web").after(&["db"]).into()));
    w.delete(Id(2));
    assert_eq!(w.problems(ticket).unwrap(), ["web: it was deleted meanwhile"]);
}

#[test]
fn several_can_wait_for_the_same_process() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web"));
    let tickets = [w.stop(Id(1)), w.stop(Id(1)), w.restart(Id(1)), w.delete(Id(1))];
    w.advance(secs(10));
    let problems = tickets.map(|ticket| w.problems(ticket).unwrap());
    assert_eq!(
        problems,
        [vec![], vec![], vec!["web: it was deleted meanwhile".to_owned()], vec![]]
    );
}

#[test]
fn a_restart_whose_old_run_cannot_be_ended_says_so() {
    let mut w = World::new();
    w.linux.program("web").stuck = true;
    w.exec(spec("web"));
    let ticket = w.ask(Request::Restart {
        which: these(Id(1)),
        force: true,
    });
    w.advance(secs(5));
    assert_eq!(
        w.problems(ticket).unwrap(),
        ["web: it does not end, not even by SIGKILL: the kernel holds it"]
    );
}
