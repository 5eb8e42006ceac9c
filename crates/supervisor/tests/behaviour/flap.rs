//! Flap detection, with the numbers of the documentation's example: threshold 5, countdown 120 and decrement 60 intervals
//! of 500 ms.

use crate::world::*;
use pmon3_supervisor::*;
use std::time::Duration;

fn flapping(decrement: Duration) -> (World, Id) {
    let flap = FlapPolicy {
        restarted: 5,
        countdown: secs(60),
        decrement,
    };
    // Without delays the timeline is that of flap detection alone.
    let mut w = World::with(Policy {
        restart_delay: Duration::ZERO,
        flap: Some(flap),
        ..policy()
    });
    w.linux.program("web").dies_after = Some((millis(10), Exit::Code(1)));
    let web = w.exec(spec("web"));
    (w, web)
}

#[test]
fn the_fifth_restart_leads_to_backoff_30_s_later_comes_one_restart_and_at_60_s_life_is_normal() {
    let (mut w, web) = flapping(secs(30));
    // (milliseconds since the start, starts so far, status): each run takes 10 ms.
    let timeline = [
        (55, 6, Status::Running),
        (65, 6, Status::Backoff),
        (30_055, 6, Status::Backoff),
        (30_065, 7, Status::Running),
        (30_075, 7, Status::Backoff),
        (60_055, 7, Status::Backoff),
        (60_065, 8, Status::Running),
        // Normal: five restarts, of which that was the first, until the next backoff.
        (60_105, 12, Status::Running),
        (60_115, 12, Status::Backoff),
        (90_105, 12, Status::Backoff),
        (90_115, 13, Status::Running),
    ];
    let mut at = 0;
    for (time, starts, status) in timeline {
        w.advance(millis(time - at));
        at = time;
        assert_eq!((w.starts(web), w.status(web)), (starts, status), "at {time} ms");
    }
    assert_eq!(
        w.news_of(web)
            .iter()
            .filter(|news| matches!(news, News::Backoff(_)))
            .count(),
        2
    );
}

#[test]
fn without_a_decrement_nothing_is_tried_before_the_backoff_ends() {
    let (mut w, web) = flapping(Duration::ZERO);
    w.advance(secs(60));
    assert_eq!((w.starts(web), w.status(web)), (6, Status::Backoff));
    w.advance(millis(65));
    assert_eq!(w.starts(web), 7);
}

#[test]
fn restarts_that_lie_far_apart_lead_to_no_backoff() {
    let (mut w, web) = flapping(Duration::ZERO);
    w.linux.program("web").dies_after = Some((secs(16), Exit::Code(1)));
    w.restart(web);
    w.advance(secs(1600));
    assert!(w.news_of(web).iter().all(|news| !matches!(news, News::Backoff(_))));
}

#[test]
fn restarts_that_people_asked_for_do_not_count() {
    let (mut w, web) = flapping(Duration::ZERO);
    w.linux.program("web").dies_after = None;
    for _ in 0..20 {
        w.restart(web);
    }
    w.dies(web, Exit::Code(1));
    assert_eq!(w.status(web), Status::Running);
}

#[test]
fn stop_restart_and_reset_end_a_backoff() {
    for ask in [
        Request::Restart {
            which: Which::All,
            force: false,
        },
        Request::Stop {
            which: Which::All,
            force: false,
        },
    ] {
        let (mut w, web) = flapping(Duration::ZERO);
        w.advance(secs(1));
        assert_eq!(w.status(web), Status::Backoff);
        w.linux.program("web").dies_after = None;
        let status = if matches!(ask, Request::Stop { .. }) {
            Status::Stopped
        } else {
            Status::Running
        };
        w.ask(ask);
        assert_eq!(w.status(web), status);
    }
}

#[test]
fn when_flap_detection_is_turned_off_the_backoff_that_is_runs_out() {
    let (mut w, web) = flapping(Duration::ZERO);
    w.advance(secs(1));
    w.policy.flap = None;
    w.handle(Event::Policy(w.policy.clone()));
    w.linux.program("web").dies_after = None;
    w.advance(secs(60));
    assert_eq!(w.status(web), Status::Running);
}

#[test]
fn a_request_that_waits_for_a_program_in_backoff_says_so() {
    let (mut w, web) = flapping(Duration::ZERO);
    w.advance(secs(1));
    let ticket = w.ask(Request::Init {
        entries: vec![],
        scope: InitScope::Everything,
    });
    assert_eq!(w.problems(ticket), Some(vec![]), "an init lets what is held be held");
    assert_eq!(w.status(web), Status::Backoff);
}
