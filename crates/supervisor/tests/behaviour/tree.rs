//! The whole tree: SIGTERM, then SIGKILL, to each descendant, and no new run while anything of the old one is left.

use crate::world::*;
use pmon3_supervisor::*;

#[test]
fn kill_follows_term_when_the_stop_timeout_runs_out() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    let ticket = w.stop(web);
    w.advance(millis(9_999));
    assert_eq!(w.signals(web), [Ask::Terminate]);
    assert_eq!(
        w.pending(ticket),
        ["web: still stopping: SIGTERM was sent 9 s ago, SIGKILL follows in 1 ms"]
    );
    w.advance(millis(1));
    assert_eq!(w.signals(web), [Ask::Terminate, Ask::Kill]);
    assert_eq!(w.problems(ticket), Some(vec![]));
    assert!(w.news_of(web).contains(&&News::Killed));
}

#[test]
fn a_stop_timeout_of_its_own_counts_before_that_of_the_daemon() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web").stop_timeout(secs(2)));
    w.stop(web);
    w.advance(secs(2));
    assert_eq!(w.status(web), Status::Stopped);
}

#[test]
fn a_stop_timeout_beyond_all_time_is_harmless() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web").stop_timeout(std::time::Duration::MAX));
    w.stop(web);
    w.advance(secs(86_400));
    assert_eq!(w.status(web), Status::Running);
    w.kill(web);
    assert_eq!(w.status(web), Status::Stopped);
}

#[test]
fn force_kills_at_once_also_in_the_middle_of_a_stop() {
    let mut w = World::new();
    w.linux.program("web").ignores_term = true;
    let web = w.exec(spec("web"));
    w.stop(web);
    let ticket = w.kill(web);
    assert_eq!(w.signals(web), [Ask::Terminate, Ask::Kill]);
    assert_eq!(w.problems(ticket), Some(vec![]));
}

#[test]
fn force_is_forgotten_with_the_run_that_it_was_meant_for() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.ask(Request::Restart {
        which: these(web),
        force: true,
    });
    w.stop(web);
    assert_eq!(w.signals(web), [Ask::Kill, Ask::Terminate]);
    w.kill(web);
    w.restart(web);
    w.stop(web);
    assert_eq!(w.signals(web), [Ask::Kill, Ask::Terminate, Ask::Terminate]);
}

#[test]
fn force_is_not_meant_for_the_run_that_follows_not_even_before_linux_has_answered() {
    let mut w = World::new();
    let web = w.exec(spec("web"));
    w.slow_starts = true;
    w.ask(Request::Restart {
        which: these(web),
        force: true,
    });
    w.stop(web);
    w.starts_are_seen();
    assert_eq!(w.signals(web), [Ask::Kill, Ask::Terminate]);
}

#[test]
fn leftovers_of_a_crash_are_killed_before_the_restart() {
    let mut w = World::new();
    w.linux.program("web").leaves_children = true;
    let web = w.exec(spec("web"));
    w.advance(secs(5));
    w.dies(web, Exit::Code(1));
    assert_eq!(w.signals(web), [Ask::Kill]);
    assert_eq!(w.starts(web), 2);
    assert!(w.news_of(web).contains(&&News::Leftovers));
    assert_eq!(w.view(web).last_exit, Some(Exit::Code(1)));
}

#[test]
fn while_leftovers_cannot_be_killed_nothing_new_is_started() {
    let mut w = World::new();
    *w.linux.program("web") = Habits {
        leaves_children: true,
        stuck: true,
        ..Habits::default()
    };
    let web = w.exec(spec("web"));
    w.dies(web, Exit::Code(1));
    w.advance(secs(3600));
    assert_eq!((w.starts(web), w.status(web)), (1, Status::Restarting));
    assert!(w.news_of(web).contains(&&News::Stuck));
    *w.linux.program("web") = Habits::default();
    let seen = w.linux.release(web);
    w.inbox.extend(seen.into_iter().map(observed));
    w.drain();
    assert_eq!((w.starts(web), w.status(web)), (2, Status::Running));
}

#[test]
fn leftovers_of_a_stop_get_the_rest_of_the_stop_timeout() {
    let mut w = World::new();
    *w.linux.program("web") = Habits {
        leaves_children: true,
        ignores_term: true,
        ..Habits::default()
    };
    let web = w.exec(spec("web"));
    let ticket = w.stop(web);
    w.advance(secs(4));
    w.dies(web, Exit::Code(0));
    assert_eq!(w.problems(ticket), None, "not everything has ended");
    w.advance(secs(6));
    assert_eq!(w.signals(web), [Ask::Terminate, Ask::Kill]);
    assert_eq!(w.problems(ticket), Some(vec![]));
}

#[test]
fn what_the_kernel_holds_is_told_after_5_s_and_ends_when_it_lets_go() {
    let mut w = World::new();
    w.linux.program("web").stuck = true;
    let web = w.exec(spec("web"));
    let ticket = w.kill(web);
    w.advance(KILL_PATIENCE);
    assert_eq!(
        w.problems(ticket).unwrap(),
        ["web: it does not end, not even by SIGKILL: the kernel holds it"]
    );
    assert_eq!(
        w.status(web),
        Status::Running,
        "it is not stopped before the kernel says so"
    );
    assert_eq!(w.core.next_deadline(), None, "nothing to do but wait");
    let seen = w.linux.release(web);
    w.inbox.extend(seen.into_iter().map(observed));
    w.drain();
    assert_eq!(w.status(web), Status::Stopped);
}

#[test]
fn a_job_that_is_not_restarted_has_its_leftovers_killed_too() {
    let mut w = World::new();
    w.linux.program("job").leaves_children = true;
    let job = w.exec(spec("job").once());
    w.dies(job, Exit::Code(0));
    assert_eq!(
        (w.signals(job), w.status(job), w.starts(job)),
        (vec![Ask::Kill], Status::Failed, 1)
    );
    assert!(w.linux.present().is_empty());
}
