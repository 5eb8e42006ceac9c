//! A daemon that comes back.

use crate::world::*;
use pmon3_supervisor::*;

#[test]
fn what_lives_is_adopted_and_goes_on_as_if_nothing_had_happened() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.restart(web);
    w.advance(secs(100));
    let before = w.view(web);
    w.crash_and_restore();
    assert_eq!(w.view(web), before);
    assert_eq!(
        w.news.last().map(|notice| &notice.news),
        Some(&News::Adopted {
            pid: before.pid.unwrap()
        })
    );
    assert_eq!(w.starts(web), 2);
    w.assert_stored_is_remembered();
    w.dies(web, Exit::Code(1));
    assert_eq!((w.starts(web), w.view(web).restart_count), (3, 2));
    let ended = News::Ended {
        exit: Exit::Code(1),
        ran: secs(100),
        by_itself: true,
    };
    assert!(
        w.news_of(web).contains(&&ended),
        "its run began with its start, not with the daemon's"
    );
}

#[test]
fn what_died_meanwhile_is_restarted_by_its_policy() {
    let mut w = World::new();
    w.init(vec![spec("web"), spec("job").once()], InitScope::Entries);
    w.advance(secs(5));
    w.crash();
    w.linux.die(Id(1), Exit::Signal(11));
    w.linux.die(Id(2), Exit::Code(3));
    w.restore();
    w.drain();
    let web = w.view(Id(1));
    assert_eq!(
        (web.status, web.restart_count, web.last_exit),
        (Status::Running, 1, Some(Exit::Signal(11)))
    );
    let job = w.view(Id(2));
    assert_eq!((job.status, job.last_exit), (Status::Failed, Some(Exit::Code(3))));
    w.assert_stored_is_remembered();
}

#[test]
fn closed_ones_start_again_with_the_daemon_and_stopped_ones_do_not() {
    let mut w = World::new();
    w.init(
        vec![spec("web"), spec("stopped"), spec("failed").once(), spec("job").once()],
        InitScope::Entries,
    );
    w.stop(Id(2));
    w.dies(Id(3), Exit::Code(1));
    w.shut_down();
    w.crash_and_restore();
    let statuses: Vec<&str> = w.core.views().iter().map(|view| view.status.as_str()).collect();
    assert_eq!(
        statuses,
        ["running", "stopped", "failed", "closed"],
        "without auto-restart it stays closed"
    );
    assert_eq!(w.view(Id(1)).restart_count, 0);
    w.init(vec![], InitScope::Everything);
    assert_eq!(w.status(Id(4)), Status::Running);
}

#[test]
fn after_a_loss_of_power_everything_starts_in_the_order_of_the_dependencies() {
    let mut w = World::with(Policy {
        dependency_wait: secs(2),
        ..policy()
    });
    w.init(vec![spec("web").after(&["db"]), spec("db")], InitScope::Entries);
    w.advance(secs(10));
    w.done.clear();
    w.lose_power(usize::MAX);
    w.restore();
    w.drain();
    assert_eq!(w.start_sequence(), ["db"]);
    w.advance(secs(2));
    assert_eq!(w.start_sequence(), ["db", "web"]);
}

#[test]
fn a_start_that_was_acknowledged_but_not_done_is_done() {
    let mut w = World::new();
    w.send(&root(), Request::Exec(spec("job").once().into()));
    let event = w.inbox.pop_front().unwrap();
    w.handle(event);
    let write = w.effects.pop_front().unwrap();
    w.perform(write);
    w.disk.commit_unheard();
    w.crash_and_restore();
    assert_eq!(w.status(Id(1)), Status::Running);
}

#[test]
fn a_run_that_the_store_never_heard_of_is_adopted() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.advance(secs(5));
    let seen = w.linux.die(web, Exit::Code(1)).remove(0);
    w.handle(observed(seen));
    let spawn = w.effects.pop_front().unwrap();
    w.perform(spawn);
    w.crash_and_restore();
    assert_eq!(w.starts(web), 2, "nothing runs twice");
    let view = w.view(web);
    assert_eq!((view.status, view.restart_count), (Status::Running, 1));
    assert_eq!(view.pid, w.linux.main_of(web).map(|live| live.pid));
    w.assert_stored_is_remembered();
}

#[test]
fn a_run_that_is_newer_than_the_store_by_several_keeps_its_number_and_its_restarts_count() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.disk.broken = Some("No space left on device".to_owned());
    for _ in 0..3 {
        w.advance(secs(5));
        w.dies(web, Exit::Code(1));
    }
    w.disk.broken = None;
    let before = w.view(web);
    w.crash_and_restore();
    assert_eq!((w.view(web).run, w.view(web).restart_count), (before.run, 3));
    w.dies(web, Exit::Code(1));
    assert_eq!(w.view(web).restart_count, 4, "its end is noticed");
}

#[test]
fn a_restart_that_was_under_way_is_counted_once() {
    // Behind each effect that follows from the end of the program.
    for done in 0.. {
        let mut w = World::new();
        let web = w.exec(spec("web"));
        w.advance(secs(5));
        let seen = w.linux.die(web, Exit::Code(1)).remove(0);
        w.handle(observed(seen));
        for _ in 0..done {
            if w.effects.is_empty() {
                let Some(event) = w.inbox.pop_front() else { return };
                w.handle(event);
            }
            if let Some(effect) = w.effects.pop_front() {
                w.perform(effect);
            }
        }
        w.disk.commit_unheard();
        w.crash_and_restore();
        assert_eq!((w.view(web).restart_count, w.starts(web)), (1, 2), "{done} effects");
        w.crash_and_restore();
        assert_eq!((w.view(web).restart_count, w.starts(web)), (1, 2), "{done} effects");
    }
}

#[test]
fn a_stop_that_was_acknowledged_is_finished() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.stop(web);
    w.crash_and_restore();
    assert_eq!(w.signals(web), [Ask::Terminate, Ask::Terminate]);
    w.advance(secs(10));
    assert_eq!(w.status(web), Status::Stopped);
}

#[test]
fn a_stop_whose_process_has_ended_meanwhile_has_come_true() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.stop(web);
    w.crash();
    w.linux.die(web, Exit::Code(0));
    w.restore();
    w.drain();
    assert_eq!((w.status(web), w.starts(web)), (Status::Stopped, 1));
}

#[test]
fn a_restart_that_was_acknowledged_is_finished_and_done_once() {
    for dies_meanwhile in [false, true] {
        let mut w = World::new();
        w.linux.program("job").ignores_term = true;
        let job = w.exec(spec("job").once());
        w.restart(job);
        w.crash();
        if dies_meanwhile {
            w.linux.die(job, Exit::Code(0));
        }
        w.restore();
        w.drain();
        w.advance(secs(10));
        let view = w.view(job);
        assert_eq!(
            (w.starts(job), view.status, view.restart_count),
            (2, Status::Running, 1),
            "{dies_meanwhile}"
        );
        w.advance(secs(100));
        w.crash_and_restore();
        assert_eq!(w.starts(job), 2);
    }
}

#[test]
fn a_restart_that_was_done_but_not_written_is_not_done_again() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.send(
        &root(),
        Request::Restart {
            which: these(web),
            force: true,
        },
    );
    // Drive it by hand until the second spawn is carried out, and no further.
    while w.starts(web) < 2 {
        if let Some(effect) = w.effects.pop_front() {
            w.perform(effect);
        } else if let Some(event) = w.inbox.pop_front() {
            w.handle(event);
        } else {
            let answer = w.disk.answer().unwrap();
            w.handle(answer);
        }
    }
    w.crash_and_restore();
    assert_eq!((w.starts(web), w.status(web)), (2, Status::Running));
}

#[test]
fn a_delete_that_was_acknowledged_is_finished() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.delete(web);
    w.crash_and_restore();
    assert!(w.core.view(web).is_some());
    w.advance(secs(10));
    assert_eq!(w.core.view(web), None);
    assert!(w.disk.records.is_empty());
    assert_eq!(w.removed_logs, ["/var/log/web.log"]);
}

#[test]
fn leftovers_without_a_main_process_are_killed_before_anything_is_started() {
    let mut w = World::new();
    w.linux.program("web").leaves_children = true;
    let web = w.exec(spec("web"));
    w.crash();
    w.linux.die(web, Exit::Code(1));
    w.restore();
    w.drain();
    assert_eq!(w.signals(web), [Ask::Kill]);
    assert_eq!((w.starts(web), w.status(web)), (2, Status::Running));
}

#[test]
fn the_leftovers_of_a_finished_job_are_killed_and_it_stays_failed() {
    let mut w = World::new();
    *w.linux.program("job") = Habits {
        leaves_children: true,
        stuck: true,
        ..Habits::default()
    };
    let job = w.exec(spec("job").once());
    w.dies(job, Exit::Code(4));
    w.crash_and_restore();
    assert_eq!(w.status(job), Status::Failed);
    let seen = w.linux.release(job);
    w.inbox.extend(seen.into_iter().map(observed));
    w.drain();
    let view = w.view(job);
    assert_eq!(
        (w.starts(job), view.status, view.last_exit),
        (1, Status::Failed, Some(Exit::Code(4)))
    );
}

#[test]
fn an_end_that_nobody_saw_is_unknown() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.lose_power(usize::MAX);
    w.restore();
    w.drain();
    assert_eq!(w.view(web).last_exit, Some(Exit::Unknown));
    assert_eq!(w.status(web), Status::Running);
}

#[test]
fn a_cycle_in_a_store_that_was_taken_over_is_cut_and_told() {
    let mut w = World::new();
    w.exec(spec("a").after(&["b"]));
    w.exec(spec("b"));
    w.shut_down();
    let record = w.disk.records.get_mut(&Id(2)).unwrap();
    record.spec = spec("b").after(&["a"]).into();
    w.crash_and_restore();
    assert_eq!([1, 2].map(|id| w.status(Id(id))), [Status::Running; 2]);
    let cut: Vec<usize> = w.core.views().iter().map(|view| view.spec.dependencies.len()).collect();
    assert_eq!(cut, [0, 1]);
    w.assert_stored_is_remembered();
    w.ask(Request::Stop {
        which: Which::All,
        force: false,
    });
    assert_eq!(w.status(Id(1)), Status::Stopped);
}

#[test]
fn a_group_that_the_store_lost_is_made_again() {
    let mut w = World::new();
    w.exec(spec("web").in_groups(&["front"]));
    w.disk.groups.clear();
    w.crash_and_restore();
    assert_eq!(w.core.groups()[0].1, [name("web")]);
    w.assert_stored_is_remembered();
}

#[test]
fn a_daemon_that_comes_back_to_an_unchanged_world_writes_nothing() {
    let mut w = World::new();
    w.init(vec![spec("web"), spec("db").in_groups(&["g"])], InitScope::Entries);
    w.stop(Id(1));
    w.crash();
    w.restore();
    assert!(
        w.effects.iter().all(|effect| matches!(effect, Effect::Announce(_))),
        "{:?}",
        w.effects
    );
}

#[test]
fn a_group_that_was_deleted_does_not_come_back_with_a_process_that_was_deleted_before_it() {
    let mut w = World::new();
    let web = w.exec(spec("web").in_groups(&["front"]));
    w.accepted(Request::CreateGroup(name("other")));
    let before = w.record(web);
    w.delete(web);
    w.accepted(Request::DeleteGroups(names(&["other"])));
    // That the process was forgotten had not been written.
    let forgotten = Record {
        goal: Goal::Gone,
        spec: spec("web").in_groups(&["other"]).into(),
        ..before
    };
    w.disk.records.insert(web, forgotten);
    w.crash_and_restore();
    let groups: Vec<Name> = w.core.groups().into_iter().map(|(group, _)| group.name).collect();
    assert_eq!(groups, [name("front")]);
    assert!(w.core.views().is_empty());
}
