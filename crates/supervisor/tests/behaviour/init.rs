//! The process configuration, applied.

use crate::world::*;
use pmon3_supervisor::*;
use std::sync::Arc;

#[test]
fn new_entries_are_started_and_running_ones_are_left_running() {
    let mut w = World::new();
    w.exec(spec("web"));
    let accepted = w.init(vec![spec("web"), spec("db")], InitScope::Entries);
    assert_eq!(
        accepted,
        Accepted {
            ids: vec![Id(1), Id(2)],
            warnings: vec![]
        }
    );
    assert_eq!((w.starts(Id(1)), w.starts(Id(2))), (1, 1));
}

#[test]
fn changed_fields_are_taken_over_and_those_that_need_a_restart_are_named() {
    let mut w = World::new();
    w.init(vec![spec("web"), spec("db")], InitScope::Entries);
    let changed = vec![
        Spec {
            cwd: "/srv".to_owned(),
            ..spec("web").with_args(&["-v"])
        },
        spec("db").once().in_groups(&["back"]),
    ];
    let accepted = w.init(changed.clone(), InitScope::Entries);
    assert_eq!(
        accepted.warnings,
        ["process `web` is running: its new args, cwd will take effect with its next restart"]
    );
    assert_eq!((w.starts(Id(1)), w.starts(Id(2))), (1, 1), "nothing is restarted");
    assert_eq!(*w.view(Id(1)).spec, changed[0]);
    assert_eq!(*w.view(Id(2)).spec, changed[1]);
    assert_eq!(w.core.groups()[0].1, [name("db")]);
    w.assert_stored_is_remembered();
    w.restart(Id(1));
    let spawned = w.done.iter().rev().find_map(|effect| match effect {
        Effect::Spawn(_, _, spec) => Some(spec.args.clone()),
        _ => None,
    });
    assert_eq!(spawned.unwrap(), ["-v"]);
}

#[test]
fn stopped_and_failed_ones_are_started_within_the_scope() {
    let set_up = || {
        let mut w = World::new();
        w.init(vec![spec("in"), spec("new-field")], InitScope::Entries);
        w.exec(spec("out"));
        w.exec(spec("failed").once());
        w.dies(Id(4), Exit::Code(1));
        w.ask(Request::Stop {
            which: Which::These(names(&["in", "out", "new-field"])),
            force: false,
        });
        w
    };
    let entries = || vec![spec("in"), spec("new-field").once(), spec("new")];
    let statuses = |w: &World| {
        w.core
            .views()
            .into_iter()
            .map(|view| view.status.as_str())
            .collect::<Vec<_>>()
    };
    let mut w = set_up();
    w.init(entries(), InitScope::NewEntries);
    assert_eq!(statuses(&w), ["stopped", "stopped", "stopped", "failed", "running"]);
    assert!(w.view(Id(2)).spec.auto_restart, "what is known stays as it is");
    let mut w = set_up();
    w.init(entries(), InitScope::Entries);
    assert_eq!(statuses(&w), ["running", "running", "stopped", "failed", "running"]);
    assert!(!w.view(Id(2)).spec.auto_restart);
    let mut w = set_up();
    w.init(entries(), InitScope::Everything);
    assert_eq!(statuses(&w), ["running"; 5]);
    assert!(
        w.core.views().iter().all(|view| view.restart_count == 0),
        "starts are no restarts"
    );
}

#[test]
fn one_on_its_way_down_comes_up_again() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.stop(web);
    let ticket = w.ask(Request::Init {
        entries: vec![],
        scope: InitScope::Everything,
    });
    w.advance(secs(10));
    assert_eq!(w.status(web), Status::Running);
    assert_eq!(w.problems(ticket), Some(vec![]));
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let mut w = World::new();
    let entries = vec![
        Arc::new(spec("web")),
        Arc::new(spec("db")),
        Arc::new(spec("web").once()),
    ];
    let refusal = w.refused(Request::Init {
        entries,
        scope: InitScope::Everything,
    });
    assert_eq!(refusal, Refusal::NamedTwice(name("web")));
    assert!(w.core.views().is_empty() && w.disk.records.is_empty());
}

#[test]
fn an_entry_of_one_that_is_being_deleted_is_left_out_with_a_warning() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    w.exec(spec("web"));
    w.delete(Id(1));
    let accepted = w.init(vec![spec("web"), spec("db")], InitScope::Entries);
    assert_eq!(accepted.ids, [Id(2)]);
    assert_eq!(
        accepted.warnings,
        ["process `web` is still being deleted: run init again when it is gone"]
    );
    w.advance(secs(10));
    assert_eq!(w.core.views().len(), 1);
}

#[test]
fn a_caller_may_not_change_what_others_run_nor_run_as_others() {
    let mut w = World::new();
    w.exec(spec("web").of_user(1001));
    let init = |entry: Spec| Request::Init {
        entries: vec![Arc::new(entry)],
        scope: InitScope::Everything,
    };
    let not_yours = Err(Refusal::NotYours(name("web"), "user1001".to_owned()));
    assert_eq!(w.ask_as(&user(1000), init(spec("web").of_user(1000))), not_yours);
    let may_not = Err(Refusal::MayNotRunAs("root".to_owned()));
    assert_eq!(w.ask_as(&user(1000), init(spec("new"))), may_not);
    assert_eq!(
        w.ask_as(&admin(1000), init(spec("web"))),
        may_not,
        "not even by way of one that may be managed"
    );
    assert!(w.ask_as(&user(1001), init(spec("web").of_user(1001))).is_ok());
}

#[test]
fn everything_is_what_the_caller_may_manage() {
    let mut w = World::new();
    w.exec(spec("mine").of_user(1000));
    w.exec(spec("theirs").of_user(1001));
    w.ask(Request::Stop {
        which: Which::All,
        force: false,
    });
    let init = Request::Init {
        entries: vec![],
        scope: InitScope::Everything,
    };
    assert_eq!(w.ask_as(&user(1000), init).unwrap().ids, [Id(1)]);
    assert_eq!(w.status(Id(2)), Status::Stopped);
}

#[test]
fn an_init_that_changes_nothing_writes_nothing() {
    let mut w = World::new();
    w.init(vec![spec("web")], InitScope::Everything);
    let writes = w
        .done
        .iter()
        .filter(|effect| matches!(effect, Effect::Store { .. }))
        .count();
    let ticket = w.ask(Request::Init {
        entries: vec![Arc::new(spec("web"))],
        scope: InitScope::Everything,
    });
    assert_eq!(w.problems(ticket), Some(vec![]));
    let after = w
        .done
        .iter()
        .filter(|effect| matches!(effect, Effect::Store { durable: true, .. }))
        .count();
    assert!(after <= writes, "no durable write");
}
