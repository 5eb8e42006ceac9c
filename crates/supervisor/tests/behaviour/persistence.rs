//! Written, then done; and a disk that fails stops nobody.

use crate::world::*;
use pmon3_supervisor::*;

fn position(w: &World, what: impl Fn(&Effect) -> bool) -> usize {
    w.done.iter().position(what).unwrap()
}

#[test]
fn persist_precedes_deed_and_deed_precedes_word() {
    let mut w = World::new();
    w.exec(spec("web"));
    let stored = position(&w, |effect| matches!(effect, Effect::Store { durable: true, .. }));
    let spawned = position(&w, |effect| matches!(effect, Effect::Spawn(..)));
    let replied = position(&w, |effect| matches!(effect, Effect::Reply(..)));
    let settled = position(&w, |effect| matches!(effect, Effect::Settled(..)));
    assert!(stored < spawned && spawned < replied && replied < settled);
}

#[test]
fn before_the_store_has_answered_nothing_is_done_and_nothing_is_said() {
    let mut w = World::new();
    w.exec(spec("web"));
    for request in [
        Request::Exec(spec("new").into()),
        Request::Stop {
            which: Which::All,
            force: true,
        },
        Request::Restart {
            which: Which::All,
            force: true,
        },
        Request::Delete {
            which: Which::All,
            force: true,
        },
        Request::Reset(Which::All),
        Request::CreateGroup(name("g")),
        Request::Init {
            entries: vec![spec("web").once().into()],
            scope: InitScope::Everything,
        },
    ] {
        let effects = w
            .core
            .clone()
            .handle(w.now, Event::Request(Ticket(99), root(), request.clone()));
        assert!(
            matches!(effects.as_slice(), [Effect::Store { durable: true, .. }]),
            "{request:?}: {effects:?}"
        );
    }
}

#[test]
fn what_the_disk_refuses_is_refused_and_leaves_no_trace() {
    let mut w = World::new();
    w.exec(spec("web"));
    let before = w.core.views();
    w.disk.broken = Some("No space left on device".to_owned());
    for request in [
        Request::Exec(spec("new").in_groups(&["g"]).into()),
        Request::Stop {
            which: Which::All,
            force: true,
        },
        Request::Delete {
            which: Which::All,
            force: true,
        },
        Request::CreateGroup(name("g")),
    ] {
        let refusal = w.refused(request);
        assert_eq!(
            refusal.to_string(),
            "nothing was changed: the database cannot be written: No space left on device"
        );
    }
    assert_eq!(w.core.views(), before);
    w.disk.broken = None;
    w.advance(secs(60));
    w.assert_stored_is_remembered();
    assert_eq!(w.exec(spec("new")), Id(2));
}

#[test]
fn a_failing_disk_does_not_stop_the_supervision_and_gets_the_truth_when_it_works_again() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.disk.broken = Some("Input/output error".to_owned());
    w.advance(secs(5));
    w.dies(web, Exit::Signal(11));
    assert_eq!(w.status(web), Status::Running);
    assert!(
        w.news_of(web)
            .contains(&&News::Unsaved("Input/output error".to_owned()))
    );
    assert_ne!(w.disk.records[&web], w.record(web));
    w.advance(secs(300));
    w.disk.broken = None;
    w.advance(secs(30));
    w.assert_stored_is_remembered();
    assert_eq!(w.core.next_deadline(), None, "nothing is tried any more");
}

#[test]
fn a_disk_that_fails_for_long_is_tried_at_most_every_30_s() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.disk.broken = Some("full".to_owned());
    w.dies(web, Exit::Code(1));
    w.done.clear();
    w.advance(secs(3600));
    let tries = w
        .done
        .iter()
        .filter(|effect| matches!(effect, Effect::Store { .. }))
        .count();
    assert!((119..=126).contains(&tries), "{tries}");
    let unsaved = w
        .news_of(web)
        .into_iter()
        .filter(|news| matches!(news, News::Unsaved(_)))
        .count();
    assert_eq!(unsaved, 1, "it is told once");
}

#[test]
fn the_first_write_that_succeeds_brings_what_the_failed_ones_left_out() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.advance(secs(2));
    w.disk.broken = Some("full".to_owned());
    w.dies(web, Exit::Code(1));
    w.disk.broken = None;
    w.accepted(Request::CreateGroup(name("g")));
    w.assert_stored_is_remembered();
}

#[test]
fn what_happens_while_a_request_is_on_its_way_to_the_disk_is_written_after_its_answer() {
    for broken in [false, true] {
        let mut w = World::new();
        let web = w.exec(spec("web"));
        w.advance(secs(2));
        let ticket = w.send(
            &root(),
            Request::Stop {
                which: these(web),
                force: false,
            },
        );
        let event = w.inbox.pop_front().unwrap();
        w.handle(event);
        let write = w.effects.pop_front().unwrap();
        w.perform(write);
        // It dies and is restarted, before the store has answered.
        let seen = w.linux.die(web, Exit::Code(7)).remove(0);
        w.handle(observed(seen));
        assert!(
            matches!(w.effects[0], Effect::Spawn(..)),
            "supervision waits for nobody"
        );
        assert!(w.effects.iter().all(|effect| !matches!(effect, Effect::Store { .. })));
        w.disk.broken = broken.then(|| "full".to_owned());
        w.drain();
        assert_eq!(w.replies[&ticket].is_err(), broken);
        assert_eq!(w.status(web), if broken { Status::Running } else { Status::Stopped });
        w.disk.broken = None;
        w.advance(secs(30));
        w.assert_stored_is_remembered();
    }
}

#[test]
fn a_process_whose_delete_was_not_written_is_not_forgotten_on_disk_either() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.delete(web);
    w.disk.broken = Some("full".to_owned());
    w.advance(secs(20));
    assert_eq!(w.core.view(web), None);
    assert_eq!(
        w.disk.records[&web].goal,
        Goal::Gone,
        "a daemon that comes back finishes it"
    );
    w.disk.broken = None;
    w.advance(secs(60));
    assert!(w.disk.records.is_empty());
}

#[test]
fn an_id_whose_forgetting_failed_can_be_given_anew() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.disk.broken = None;
    w.linux.program("web").ignores_term = true;
    w.restart(web);
    w.delete(web);
    w.advance(secs(9));
    w.disk.broken = Some("full".to_owned());
    w.advance(secs(1));
    w.disk.broken = None;
    assert_eq!(w.exec(spec("other")), web);
    w.advance(secs(60));
    w.assert_stored_is_remembered();
}

#[test]
fn what_follows_from_the_kernels_doings_is_written_without_haste() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.done.clear();
    w.dies(web, Exit::Code(1));
    assert!(
        w.done
            .iter()
            .all(|effect| !matches!(effect, Effect::Store { durable: true, .. }))
    );
    w.assert_stored_is_remembered();
}
