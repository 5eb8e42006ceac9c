//! A program that ends again and again: slowed down, never given up, never a busy loop.

use crate::world::*;
use pmon3_supervisor::*;

fn crashing(after: std::time::Duration) -> (World, Id) {
    let mut w = World::new();
    w.linux.program("web").dies_after = Some((after, Exit::Code(1)));
    let web = w.exec(spec("web"));
    (w, web)
}

#[test]
fn short_runs_in_a_row_are_restarted_at_0_0_100_200_400_ms_and_so_on_up_to_10_s() {
    let (mut w, web) = crashing(millis(1));
    let begin = w.now.mono;
    let mut starts = Vec::new();
    for _ in 0..60_000 {
        let before = w.starts(web);
        w.advance(millis(1));
        if w.starts(web) > before {
            starts.push((w.now.mono - begin).as_millis());
        }
    }
    // A run takes 1 ms: the successor starts so much later than the one before.
    let gaps: Vec<u128> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(starts[0], 1, "the first restart comes at once");
    assert_eq!(gaps[..8], [101, 201, 401, 801, 1601, 3201, 6401, 10_001]);
    assert!(gaps[7..].iter().all(|gap| *gap == 10_001), "{gaps:?}");
}

#[test]
fn a_run_of_a_second_ends_the_series() {
    let (mut w, web) = crashing(millis(10));
    w.advance(secs(2));
    w.linux.program("web").dies_after = Some((secs(1), Exit::Code(1)));
    w.advance(secs(2));
    let before = w.starts(web);
    w.linux.program("web").dies_after = Some((millis(10), Exit::Code(1)));
    w.advance(secs(2));
    assert!(w.starts(web) >= before + 3, "the series begins anew, with no delay");
}

#[test]
fn a_crash_loop_is_shown_as_restarting_while_it_waits() {
    let (mut w, web) = crashing(millis(1));
    w.advance(millis(50));
    assert_eq!(w.status(web), Status::Restarting);
    assert_eq!(w.view(web).pid, None);
}

#[test]
fn stop_during_a_delay_cancels_the_restart() {
    let (mut w, web) = crashing(millis(1));
    w.advance(millis(50));
    let ticket = w.stop(web);
    assert_eq!(w.problems(ticket), Some(vec![]));
    let starts = w.starts(web);
    w.advance(secs(3600));
    assert_eq!((w.status(web), w.starts(web)), (Status::Stopped, starts));
    assert!(w.signals(web).is_empty());
}

#[test]
fn a_person_who_restarts_it_does_not_wait_for_the_delay_and_begins_a_new_series() {
    let (mut w, web) = crashing(millis(1));
    w.advance(secs(60));
    assert_eq!(w.status(web), Status::Restarting);
    let starts = w.starts(web);
    let ticket = w.restart(web);
    assert_eq!(w.starts(web), starts + 1);
    assert_eq!(
        w.problems(ticket),
        Some(vec![]),
        "that it was seen to start is what was asked"
    );
    w.advance(millis(200));
    assert_eq!(w.starts(web), starts + 3);
}

#[test]
fn each_crash_is_counted_and_told() {
    let (mut w, web) = crashing(millis(1));
    w.advance(millis(50));
    assert_eq!(w.view(web).restart_count, 1);
    assert!(w.news_of(web).contains(&&News::Delayed(millis(100))));
    let ended = News::Ended {
        exit: Exit::Code(1),
        ran: millis(1),
        by_itself: true,
    };
    assert_eq!(w.news_of(web).iter().filter(|news| ***news == ended).count(), 2);
}

#[test]
fn settings_that_change_are_in_force_for_the_next_delay() {
    let (mut w, web) = crashing(millis(1));
    w.policy.restart_delay = secs(30);
    w.policy.restart_delay_max = secs(30);
    w.handle(Event::Policy(w.policy.clone()));
    w.advance(secs(5));
    assert_eq!(w.starts(web), 2);
    w.advance(secs(30));
    assert_eq!(w.starts(web), 3);
}
