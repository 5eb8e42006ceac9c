//! Who starts after whom, and who ends before whom.

use crate::world::*;
use pmon3_supervisor::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn with_head_start() -> World {
    World::with(Policy {
        dependency_wait: secs(2),
        ..policy()
    })
}

#[test]
fn a_process_starts_when_all_that_it_depends_on_runs_and_has_had_its_head_start() {
    let mut w = with_head_start();
    w.init(
        vec![
            spec("web").after(&["db", "cache"]),
            spec("db"),
            spec("cache").after(&["db"]),
        ],
        InitScope::Entries,
    );
    assert_eq!(w.start_sequence(), ["db"]);
    assert_eq!(w.status(Id(1)), Status::Queued);
    w.advance(millis(1_999));
    assert_eq!(w.start_sequence(), ["db"]);
    w.advance(millis(1));
    assert_eq!(w.start_sequence(), ["db", "cache"]);
    w.advance(millis(1_999));
    assert_eq!(w.start_sequence(), ["db", "cache"]);
    w.advance(millis(1));
    assert_eq!(w.start_sequence(), ["db", "cache", "web"]);
}

#[test]
fn chains_that_do_not_depend_on_one_another_start_side_by_side() {
    let mut w = with_head_start();
    let entries = vec![
        spec("a2").after(&["a1"]),
        spec("a1"),
        spec("b2").after(&["b1"]),
        spec("b1"),
    ];
    w.init(entries, InitScope::Entries);
    assert_eq!(w.start_sequence(), ["a1", "b1"]);
    w.advance(secs(2));
    assert_eq!(w.start_sequence(), ["a1", "b1", "a2", "b2"]);
}

#[test]
fn what_has_been_running_for_long_needs_no_head_start() {
    let mut w = with_head_start();
    w.exec(spec("db"));
    w.advance(secs(10));
    let web = w.exec(spec("web").after(&["db"]));
    assert_eq!(w.status(web), Status::Running);
}

#[test]
fn an_unknown_dependency_is_a_warning_and_not_waited_for() {
    let mut w = with_head_start();
    let accepted = w.accepted(Request::Exec(spec("web").after(&["db"]).into()));
    assert_eq!(
        accepted.warnings,
        ["process `web` depends on `db`, which does not exist: it does not wait for it"]
    );
    assert_eq!(w.status(accepted.ids[0]), Status::Running);
}

#[test]
fn a_dependency_that_dies_during_the_head_start_is_waited_for_again() {
    let mut w = with_head_start();
    w.init(vec![spec("db").once(), spec("web").after(&["db"])], InitScope::Entries);
    w.advance(secs(1));
    w.dies(Id(1), Exit::Code(1));
    w.advance(secs(100));
    assert_eq!(w.status(Id(2)), Status::Queued);
    w.restart(Id(1));
    w.advance(secs(2));
    assert_eq!(w.status(Id(2)), Status::Running);
}

#[test]
fn who_waits_for_a_stopped_dependency_says_so_and_starts_when_that_is_deleted() {
    let mut w = World::new();
    let db = w.exec(spec("db"));
    w.stop(db);
    let ticket = w.ask(Request::Exec(spec("web").after(&["db"]).into()));
    assert_eq!(w.pending(ticket), ["web: waits for `db`, which is stopped"]);
    w.delete(db);
    assert_eq!(
        w.problems(ticket),
        Some(vec![]),
        "a name that nobody has keeps nobody waiting"
    );
}

#[test]
fn the_crash_of_a_dependency_leaves_those_alone_that_depend_on_it() {
    let mut w = with_head_start();
    w.init(vec![spec("db"), spec("web").after(&["db"])], InitScope::Entries);
    w.advance(secs(10));
    w.dies(Id(1), Exit::Code(1));
    assert_eq!(w.starts(Id(2)), 1);
    assert!(w.signals(Id(2)).is_empty());
}

#[test]
fn a_crash_is_repaired_at_once_whatever_it_depends_on() {
    let mut w = with_head_start();
    w.init(vec![spec("db"), spec("web").after(&["db"])], InitScope::Entries);
    w.advance(secs(10));
    w.stop(Id(1));
    w.dies(Id(2), Exit::Code(1));
    assert_eq!(w.status(Id(2)), Status::Running);
}

#[test]
fn a_cycle_is_refused_with_its_names_and_nothing_of_the_change_is_applied() {
    let mut w = World::new();
    w.exec(spec("a").after(&["b"]));
    let refusal = w.refused(Request::Exec(spec("b").after(&["c"]).after(&["a"]).into()));
    assert_eq!(refusal.to_string(), "the dependencies form a cycle: b -> a -> b");
    assert_eq!(w.core.views().len(), 1);
    let entries = vec![spec("x"), spec("a"), spec("y").after(&["z"]), spec("z").after(&["y"])];
    let entries = entries.into_iter().map(std::sync::Arc::new).collect();
    let refusal = w.refused(Request::Init {
        entries,
        scope: InitScope::Everything,
    });
    assert_eq!(refusal, Refusal::DependencyCycle(vec![name("y"), name("z"), name("y")]));
    assert_eq!(w.core.views().len(), 1);
    assert_eq!(
        w.view(Id(1)).spec.dependencies,
        [name("b")],
        "the change of `a` was not applied either"
    );
    assert_eq!(w.disk.records.len(), 1);
}

#[test]
fn those_that_are_stopped_together_end_in_reverse_order_and_side_by_side_where_they_can() {
    let mut w = World::new();
    let entries = vec![
        spec("db"),
        spec("web").after(&["db"]),
        spec("api").after(&["db"]),
        spec("other"),
    ];
    w.init(entries, InitScope::Entries);
    for name in ["web", "api"] {
        w.linux.program(name).ignores_term = true;
    }
    w.ask(Request::Restart {
        which: Which::These(names(&["web", "api"])),
        force: true,
    });
    w.linux.signalled.clear();
    let ticket = w.ask(Request::Stop {
        which: Which::All,
        force: false,
    });
    assert_eq!(w.linux.signalled, [Id(2), Id(3), Id(4)].map(|id| (id, Ask::Terminate)));
    assert_eq!(
        w.pending(ticket)[0],
        "db: waits for `web`, which depends on it, to end first"
    );
    w.dies(Id(2), Exit::Code(0));
    assert!(w.signals(Id(1)).is_empty(), "`api` is still there");
    w.dies(Id(3), Exit::Code(0));
    assert_eq!(w.signals(Id(1)), [Ask::Terminate]);
    assert_eq!(w.problems(ticket), Some(vec![]));
}

#[test]
fn one_that_stays_up_does_not_keep_its_dependency_from_being_stopped() {
    let mut w = World::new();
    w.init(vec![spec("db"), spec("web").after(&["db"])], InitScope::Entries);
    w.stop(Id(1));
    assert_eq!(w.status(Id(1)), Status::Stopped);
    assert_eq!(w.status(Id(2)), Status::Running);
}

#[test]
fn one_that_is_called_back_on_its_way_down_does_not_keep_its_dependency_up() {
    let mut w = World::new();
    w.init(vec![spec("db"), spec("web").after(&["db"])], InitScope::Entries);
    w.linux.program("web").ignores_term = true;
    w.ask(Request::Restart {
        which: Which::These(names(&["web"])),
        force: true,
    });
    w.ask(Request::Stop {
        which: Which::All,
        force: false,
    });
    assert!(w.signals(Id(1)).is_empty());
    w.restart(Id(2));
    assert_eq!(w.signals(Id(1)), [Ask::Terminate]);
}

#[test]
fn one_that_the_kernel_holds_does_not_hold_its_dependency_for_ever() {
    let mut w = World::new();
    w.linux.program("web").stuck = true;
    w.init(vec![spec("db"), spec("web").after(&["db"])], InitScope::Entries);
    w.ask(Request::Stop {
        which: Which::All,
        force: false,
    });
    w.advance(secs(15));
    assert_eq!(w.status(Id(1)), Status::Stopped);
}

#[test]
fn a_restart_of_both_ends_and_starts_them_in_order() {
    let mut w = with_head_start();
    w.init(vec![spec("web").after(&["db"]), spec("db")], InitScope::Entries);
    w.advance(secs(10));
    w.ask(Request::Restart {
        which: Which::All,
        force: false,
    });
    assert_eq!(w.start_sequence(), ["db", "web", "db"]);
    w.advance(secs(2));
    assert_eq!(w.start_sequence(), ["db", "web", "db", "web"]);
}

#[test]
fn dgraph_shows_the_queue_and_the_order_of_the_dependencies() {
    let mut w = World::new();
    w.exec(spec("web").after(&["db"]));
    w.exec(spec("other"));
    let entries = [spec("db").after(&["disk"]), spec("disk"), spec("other").after(&["web"])].map(std::sync::Arc::new);
    let (queue, order) = w.core.start_order(&entries, InitScope::Everything).unwrap();
    assert_eq!(queue, ["web", "other", "db", "disk"].map(name));
    assert_eq!(order, ["disk", "db", "web", "other"].map(name));
    let (queue, order) = w.core.start_order(&entries, InitScope::Entries).unwrap();
    assert_eq!(queue, ["db", "disk", "other"].map(name));
    assert_eq!(order, ["disk", "db", "other"].map(name));
    let circle = [spec("db").after(&["web"])].map(std::sync::Arc::new);
    assert!(matches!(
        w.core.start_order(&circle, InitScope::Everything),
        Err(Refusal::DependencyCycle(_))
    ));
}

/// Up to nine programs, each depending on some of those before it.
fn any_family() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(0usize..8, 0..4), 1..9).prop_map(|all| {
        let backwards = |(n, needs): (usize, Vec<usize>)| needs.into_iter().filter(|d| *d < n).collect();
        all.into_iter().enumerate().map(backwards).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_start_follows_those_of_its_dependencies_and_every_end_precedes_them(
        family in any_family(), shuffle in any::<u64>()
    ) {
        let label = |n: usize| format!("p{n}");
        let mut entries: Vec<Spec> = family.iter().enumerate().map(|(n, needs)| {
            let needs: Vec<String> = needs.iter().map(|d| label(*d)).collect();
            spec(&label(n)).after(&needs.iter().map(String::as_str).collect::<Vec<_>>())
        }).collect();
        let by = usize::try_from(shuffle % entries.len() as u64).unwrap_or(0);
        entries.rotate_left(by);
        let needs: BTreeMap<String, Vec<String>> = entries.iter()
            .map(|e| (e.name.to_string(), e.dependencies.iter().map(Name::to_string).collect())).collect();
        let mut w = with_head_start();
        w.init(entries, InitScope::Entries);
        w.advance(secs(60));
        let starts = w.start_sequence();
        prop_assert_eq!(starts.len(), needs.len());
        let place = |of: &String, all: &[String]| all.iter().position(|other| other == of);
        for (name, needs) in &needs {
            for need in needs {
                prop_assert!(place(need, &starts) < place(name, &starts), "{} before {}", need, name);
            }
        }
        w.ask(Request::Stop { which: Which::All, force: false });
        let ends: Vec<String> = w.linux.signalled.iter().map(|(id, _)| w.view(*id).spec.name.to_string()).collect();
        prop_assert_eq!(ends.len(), needs.len());
        for (name, needs) in &needs {
            for need in needs {
                prop_assert!(place(name, &ends) < place(need, &ends), "{} ends before {}", name, need);
            }
        }
    }
}
