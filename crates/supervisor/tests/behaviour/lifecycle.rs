//! One program: started, kept alive, stopped, restarted, forgotten.

use crate::world::*;
use pmon3_supervisor::*;

#[test]
fn a_new_program_is_running_when_its_request_is_settled() {
    let mut w = World::new();
    let ticket = w.ask(Request::Exec(spec("web").into()));
    assert_eq!(w.problems(ticket), Some(vec![]));
    let view = w.view(Id(1));
    assert_eq!(
        (view.status, view.run, view.restart_count),
        (Status::Running, Run(1), 0)
    );
    assert_eq!(view.pid, w.linux.main_of(Id(1)).map(|live| live.pid));
    assert_eq!(view.started_at, Some(w.now.wall));
}

#[test]
fn crash_is_followed_by_exactly_one_restart() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.advance(secs(5));
    w.dies(web, Exit::Signal(11));
    assert_eq!(w.starts(web), 2);
    let view = w.view(web);
    assert_eq!(
        (view.status, view.run, view.restart_count),
        (Status::Running, Run(2), 1)
    );
    assert_eq!(view.last_exit, Some(Exit::Signal(11)));
    w.advance(secs(3600));
    assert_eq!(w.starts(web), 2);
}

#[test]
fn a_program_that_ends_well_is_restarted_too() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.advance(secs(5));
    w.dies(web, Exit::Code(0));
    assert_eq!(w.status(web), Status::Running);
}

#[test]
fn without_auto_restart_an_end_is_final_and_says_how() {
    let mut w = World::new();
    let job = w.exec(spec("job").once());
    w.dies(job, Exit::Code(3));
    assert_eq!(w.starts(job), 1);
    assert_eq!(w.status(job), Status::Failed);
    assert_eq!(w.view(job).last_exit, Some(Exit::Code(3)));
    assert!(w.news_of(job).contains(&&News::Failed(None)));
}

#[test]
fn a_program_that_cannot_be_started_fails_with_the_reason_and_is_not_tried_again() {
    let mut w = World::new();
    w.linux.program("web").fails = Some(("cannot start /bin/web: no such file".to_owned(), false));
    let ticket = w.ask(Request::Exec(spec("web").into()));
    assert_eq!(
        w.problems(ticket).unwrap(),
        ["web: cannot start /bin/web: no such file"]
    );
    assert_eq!(w.status(Id(1)), Status::Failed);
    assert_eq!(
        w.view(Id(1)).last_error.as_deref(),
        Some("cannot start /bin/web: no such file")
    );
    w.advance(secs(3600));
    assert_eq!(w.starts(Id(1)), 1);
    w.linux.program("web").fails = None;
    w.restart(Id(1));
    let view = w.view(Id(1));
    assert_eq!(
        (view.status, view.restart_count, view.last_error),
        (Status::Running, 0, None)
    );
}

#[test]
fn a_machine_without_room_is_tried_until_it_has_some() {
    let mut w = World::new();
    w.linux.program("web").fails = Some(("cannot start: out of memory".to_owned(), true));
    let ticket = w.ask(Request::Exec(spec("web").once().into()));
    assert_eq!(w.status(Id(1)), Status::Restarting);
    w.advance(secs(3));
    assert!(w.starts(Id(1)) > 3);
    assert_eq!(w.problems(ticket), None, "it may yet come true");
    assert!(
        w.pending(ticket)[0].starts_with("web: is tried again in "),
        "{:?}",
        w.pending(ticket)
    );
    w.linux.program("web").fails = None;
    w.advance(secs(10));
    assert_eq!(w.problems(ticket), Some(vec![]));
    let view = w.view(Id(1));
    assert_eq!((view.status, view.restart_count), (Status::Running, 0));
}

#[test]
fn stop_ends_it_for_good_and_resets_the_counter() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.advance(secs(5));
    w.dies(web, Exit::Code(1));
    let ticket = w.stop(web);
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert_eq!(w.signals(web), [Ask::Terminate]);
    let view = w.view(web);
    assert_eq!((view.status, view.pid, view.restart_count), (Status::Stopped, None, 0));
    w.advance(secs(3600));
    assert_eq!(w.status(web), Status::Stopped);
    assert!(!w.linux.is_alive(web));
}

#[test]
fn a_program_is_not_called_stopped_before_the_kernel_says_so() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.stop(web);
    assert_eq!(w.status(web), Status::Running);
    assert!(w.view(web).pid.is_some());
    w.advance(secs(10));
    assert_eq!(w.status(web), Status::Stopped);
}

#[test]
fn start_of_a_stopped_program_leaves_the_counter() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.stop(web);
    let ticket = w.restart(web);
    assert_eq!(w.problems(ticket), Some(vec![]));
    let view = w.view(web);
    assert_eq!(
        (view.status, view.restart_count, view.run),
        (Status::Running, 0, Run(2))
    );
}

#[test]
fn restart_of_a_running_program_counts() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.restart(web);
    let view = w.view(web);
    assert_eq!(
        (view.status, view.restart_count, view.run),
        (Status::Running, 1, Run(2))
    );
    assert!(
        w.news_of(web)
            .iter()
            .any(|news| matches!(news, News::Started { restart: true, .. }))
    );
}

#[test]
fn reset_sets_the_counter_to_0_and_touches_nothing_else() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.restart(web);
    let before = w.view(web);
    assert_eq!(w.accepted(Request::Reset(these(web))).ids, [web]);
    let after = w.view(web);
    assert_eq!((after.restart_count, after.pid), (0, before.pid));
    w.assert_stored_is_remembered();
}

#[test]
fn start_while_stopping_starts_again_after_the_exit() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    let stop = w.stop(web);
    w.advance(secs(3));
    let start = w.restart(web);
    assert_eq!(w.starts(web), 1, "the old run lives yet");
    w.advance(secs(7));
    assert_eq!(w.starts(web), 2);
    assert_eq!(w.problems(stop), Some(vec![]), "the run that it was about has ended");
    assert_eq!(w.problems(start), Some(vec![]));
    assert_eq!(w.view(web).restart_count, 0, "a stop and a start are no restart");
}

#[test]
fn stop_during_a_restart_wins() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    let restart = w.restart(web);
    assert_eq!(w.status(web), Status::Restarting);
    let stop = w.stop(web);
    w.advance(secs(10));
    assert_eq!(w.status(web), Status::Stopped);
    assert_eq!(w.problems(stop), Some(vec![]));
    assert_eq!(w.problems(restart).unwrap(), ["web: it was stopped meanwhile"]);
}

#[test]
fn late_exit_of_an_old_run_is_ignored() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.restart(web);
    w.handle(observed(Observation::Exited {
        id: web,
        run: Run(1),
        exit: Exit::Code(9),
        leftovers: false,
    }));
    w.handle(observed(Observation::TreeGone { id: web, run: Run(1) }));
    w.drain();
    let view = w.view(web);
    assert_eq!(
        (view.status, view.run, view.last_exit),
        (Status::Running, Run(2), Some(Exit::Signal(15)))
    );
}

#[test]
fn stop_while_linux_is_still_starting_it_ends_it_as_soon_as_it_is_there() {
    let mut w = World::new();
    w.slow_starts = true;
    let web = w.exec(spec("web"));
    let ticket = w.kill(web);
    assert_eq!((w.status(web), w.problems(ticket)), (Status::Init, None));
    w.starts_are_seen();
    assert_eq!(w.signals(web), [Ask::Kill], "and by force, as it was asked");
    assert_eq!((w.status(web), w.problems(ticket)), (Status::Stopped, Some(vec![])));
}

#[test]
fn a_stop_that_a_start_overtakes_before_linux_has_answered_is_told_so() {
    let mut w = World::new();
    w.slow_starts = true;
    let web = w.exec(spec("web"));
    let stop = w.stop(web);
    let start = w.restart(web);
    w.starts_are_seen();
    assert_eq!((w.status(web), w.starts(web)), (Status::Running, 1));
    assert_eq!(w.problems(stop).unwrap(), ["web: it was started again meanwhile"]);
    assert_eq!(w.problems(start), Some(vec![]));
}

#[test]
fn delete_ends_forgets_and_removes_the_log() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    let ticket = w.delete(web);
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert_eq!(w.core.view(web), None);
    assert_eq!(w.removed_logs, ["/var/log/web.log"]);
    assert!(!w.linux.is_alive(web));
    assert!(w.disk.records.is_empty());
    assert_eq!(w.news_of(web).last(), Some(&&News::Deleted));
}

#[test]
fn a_log_that_another_process_writes_is_not_removed_before_that_is_deleted_too() {
    let mut w = World::new();
    let one = w.exec(spec("one").log_to("/var/log/both.log"));
    let two = w.exec(spec("two").log_to("/var/log/both.log"));
    w.delete(one);
    assert!(w.removed_logs.is_empty());
    w.delete(two);
    assert_eq!(w.removed_logs, ["/var/log/both.log"]);
}

#[test]
fn a_name_is_free_again_after_its_process_was_deleted_and_ids_are_above_all_in_use() {
    let mut w = World::new();
    let a = w.exec(spec("a"));
    let b = w.exec(spec("b"));
    let c = w.exec(spec("c"));
    assert_eq!([a, b, c], [Id(1), Id(2), Id(3)]);
    w.delete(b);
    assert_eq!(w.exec(spec("b")), Id(4), "not the gap");
    w.delete(Id(4));
    assert_eq!(w.exec(spec("b")), Id(4));
    w.ask(Request::Delete {
        which: Which::All,
        force: true,
    });
    assert_eq!(w.exec(spec("b")), Id(1));
}

#[test]
fn a_stop_that_finds_it_down_already_is_a_success() {
    let mut w = World::new();
    let job = w.exec(spec("job").once());
    w.dies(job, Exit::Code(1));
    let ticket = w.stop(job);
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert_eq!(w.status(job), Status::Stopped, "by a person now");
    assert!(w.signals(job).is_empty());
}

#[test]
fn a_wall_clock_that_jumps_moves_no_deadline() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.stop(web);
    w.now.wall -= secs(86_400);
    w.advance(secs(9));
    assert_eq!(w.status(web), Status::Running);
    w.now.wall += secs(10 * 86_400);
    w.advance(secs(1));
    assert_eq!(w.status(web), Status::Stopped);
}
