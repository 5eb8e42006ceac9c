//! Requests: checked, one after the other, all or nothing.

use crate::world::*;
use pmon3_supervisor::*;

fn stop(texts: &[&str]) -> Request {
    Request::Stop {
        which: Which::These(names(texts)),
        force: false,
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one() {
    let mut w = World::new();
    w.exec(spec("web"));
    let refusal = w.refused(stop(&["wbe"]));
    assert_eq!(
        refusal,
        Refusal::NoSuchProcess(Selector::Name(name("wbe")), Some(name("web")))
    );
    assert_eq!(refusal.to_string(), "no process named `wbe`");
    assert_eq!(
        w.core.find(&Selector::Id(Id(9))),
        Err(Refusal::NoSuchProcess(Selector::Id(Id(9)), None))
    );
    assert_eq!(w.core.find(&Selector::Name(name("web"))), Ok(Id(1)));
}

#[test]
fn one_unknown_name_refuses_the_whole_request() {
    let mut w = World::new();
    w.exec(spec("web"));
    w.refused(stop(&["web", "nobody"]));
    assert_eq!(w.status(Id(1)), Status::Running);
    assert!(w.signals(Id(1)).is_empty());
}

#[test]
fn a_process_that_is_named_twice_is_stopped_once() {
    let mut w = World::new();
    w.exec(spec("web"));
    let which = Which::These(vec![Selector::Id(Id(1)), Selector::Name(name("web"))]);
    assert_eq!(w.accepted(Request::Restart { which, force: false }).ids, [Id(1)]);
    assert_eq!(w.view(Id(1)).restart_count, 1);
}

#[test]
fn a_taken_name_is_refused() {
    let mut w = World::new();
    w.exec(spec("web"));
    assert_eq!(
        w.refused(Request::Exec(spec("web").into())),
        Refusal::NameTaken(name("web"), Id(1))
    );
}

#[test]
fn the_process_of_another_user_is_refused_and_all_means_ones_own() {
    let mut w = World::new();
    w.exec(spec("mine").of_user(1000));
    w.exec(spec("theirs").of_user(1001));
    w.exec(spec("roots"));
    let refused = |text: &str, owner: &str| Err(Refusal::NotYours(name(text), owner.to_owned()));
    assert_eq!(
        w.ask_as(&user(1000), stop(&["mine", "theirs"])),
        refused("theirs", "user1001")
    );
    assert_eq!(w.status(Id(1)), Status::Running);
    assert_eq!(w.ask_as(&user(1000), stop(&["roots"])), refused("roots", "root"));
    let all = Request::Stop {
        which: Which::All,
        force: false,
    };
    assert_eq!(w.ask_as(&user(1000), all.clone()).unwrap().ids, [Id(1)]);
    assert_eq!(w.ask_as(&admin(1002), all).unwrap().ids, [Id(1), Id(2), Id(3)]);
}

#[test]
fn a_program_is_started_as_oneself_only() {
    let mut w = World::new();
    let as_1000 = |text: &str| Request::Exec(spec(text).of_user(1000).into());
    assert_eq!(
        w.ask_as(&user(1001), as_1000("a")),
        Err(Refusal::MayNotRunAs("user1000".to_owned()))
    );
    assert_eq!(
        w.ask_as(&admin(1001), as_1000("a")),
        Err(Refusal::MayNotRunAs("user1000".to_owned()))
    );
    assert!(w.ask_as(&user(1000), as_1000("a")).is_ok());
    assert!(w.ask_as(&root(), as_1000("b")).is_ok());
}

#[test]
fn requests_wait_for_one_another_and_see_what_those_before_them_did() {
    let mut w = World::new();
    let exec = || Request::Exec(spec("web").into());
    let tickets = [exec(), exec(), exec(), stop(&["web"])].map(|request| w.send(&root(), request));
    w.drain();
    let replies = tickets.map(|ticket| w.replies[&ticket].is_ok());
    assert_eq!(replies, [true, false, false, true]);
    assert_eq!(w.status(Id(1)), Status::Stopped);
}

#[test]
fn one_that_is_being_deleted_is_not_named_as_the_nearest() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web"));
    w.delete(Id(1));
    let restart = Request::Restart {
        which: Which::These(names(&["web"])),
        force: false,
    };
    assert_eq!(
        w.refused(restart),
        Refusal::NoSuchProcess(Selector::Name(name("web")), None)
    );
}

#[test]
fn one_that_is_being_deleted_can_be_hurried_but_not_called_back() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web").in_groups(&["front"]));
    let first = w.delete(Id(1));
    let gone = Refusal::NoSuchProcess(Selector::Id(Id(1)), None);
    assert_eq!(
        w.refused(Request::Restart {
            which: these(Id(1)),
            force: false
        }),
        gone
    );
    let all = w.accepted(Request::Restart {
        which: Which::All,
        force: false,
    });
    let group = w.accepted(Request::Restart {
        which: Which::Groups(names(&["front"])),
        force: false,
    });
    assert_eq!((all.ids, group.ids), (vec![], vec![]));
    let ticket = w.kill(Id(1));
    assert_eq!((w.problems(first), w.problems(ticket)), (Some(vec![]), Some(vec![])));
    assert!(w.core.views().is_empty());
}

#[test]
fn nothing_to_do_is_a_success() {
    let mut w = World::new();
    let ticket = w.ask(Request::Stop {
        which: Which::All,
        force: true,
    });
    assert_eq!(w.replies[&ticket], Ok(Accepted::default()));
    assert_eq!(w.problems(ticket), Some(vec![]));
}

#[test]
fn a_daemon_that_closes_refuses() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web"));
    w.shut_down();
    assert_eq!(w.refused(Request::Exec(spec("late").into())), Refusal::Closing);
    w.advance(secs(10));
    assert!(w.finished);
    assert_eq!(w.refused(Request::Exec(spec("late").into())), Refusal::Closing);
}
