//! A program that ends is up again.

use crate::world::{World, kernel, until};
use rustix::process::Signal;
use serde_json::json;
use std::time::{Duration, Instant};

/// Long enough that a test which waited it out would fail.
const NEVER: &str = "restart_delay: 600000\nrestart_delay_max: 600000\n";

#[test]
fn crash_is_followed_by_exactly_one_restart() {
    let world = World::with(NEVER);
    world.exec("web", &format!("append={} hold", world.at("starts")));
    let first = world.pid("web");
    kernel::signal(first, Signal::KILL);
    let second = world.successor("web", first);
    until("its line", || world.pids("starts").len() == 2);
    assert_eq!(world.pids("starts"), [first, second]);
    let view = world.desc("web");
    assert_eq!(
        (&view["restart_count"], &view["signal"], &view["exit_code"]),
        (&json!(1), &json!(9), &json!(null))
    );
}

#[test]
fn an_end_with_success_is_restarted_too_and_its_code_is_kept() {
    for code in [0, 3, 255] {
        let world = World::with(NEVER);
        let gate = world.gate("gate");
        world.exec("web", &format!("gate={gate} exit={code}"));
        world.open_gate("gate");
        until("a restart", || world.restarts("web") == 1);
        let view = world.desc("web");
        assert_eq!((&view["exit_code"], &view["signal"]), (&json!(code), &json!(null)));
        assert_eq!(view["status"], json!("running"));
    }
}

#[test]
fn without_autorestart_an_end_is_final_and_how_it_ended_is_shown() {
    let world = World::new();
    world.exec_with("code", "exit=7", &["--no-autorestart"]);
    world.exec_with("signal", "die=6", &["--no-autorestart"]);
    world.until_status("code", "failed");
    world.until_status("signal", "failed");
    let (code, signal) = (world.desc("code"), world.desc("signal"));
    assert_eq!(
        (&code["exit_code"], &code["signal"], &code["pid"]),
        (&json!(7), &json!(null), &json!(null))
    );
    assert_eq!((&signal["exit_code"], &signal["signal"]), (&json!(null), &json!(6)));
    assert!(world.pmon3(&["desc", "code"]).stdout.contains('7'));
}

#[test]
fn a_crash_loop_is_slowed_down_from_the_second_short_run_on() {
    let world = World::with("restart_delay: 100\n");
    let begin = Instant::now();
    world.exec("web", &format!("append={} exit=1", world.at("starts")));
    until("five starts", || world.pids("starts").len() >= 5);
    // At once, then after 100, 200 and 400 ms.
    assert!(begin.elapsed() >= Duration::from_millis(700), "{:?}", begin.elapsed());
}

#[test]
fn the_first_restart_of_a_crash_loop_comes_at_once_and_the_next_one_waits() {
    let world = World::with(NEVER);
    world.exec("web", &format!("append={} exit=1", world.at("starts")));
    until("the second start", || world.pids("starts").len() == 2);
    world.until_status("web", "restarting");
    assert_eq!(world.desc("web")["pid"], json!(null));
}

#[test]
fn stop_during_the_delay_cancels_the_restart() {
    let world = World::with("restart_delay: 300\n");
    world.exec("web", &format!("append={} exit=1", world.at("starts")));
    until("three starts", || world.pids("starts").len() >= 3);
    world.pmon3(&["stop", "web"]);
    let starts = world.pids("starts").len();
    assert_eq!(world.status("web"), "stopped");
    // Another one makes its whole series of restarts meanwhile; the stopped one makes none.
    world.exec("other", &format!("append={} exit=1", world.at("others")));
    until("the other's restarts", || world.pids("others").len() >= 4);
    assert_eq!(world.pids("starts").len(), starts);
}

#[test]
fn start_during_the_delay_does_not_wait_for_it() {
    let world = World::with(NEVER);
    world.exec("web", &format!("append={} exit=1", world.at("starts")));
    world.until_status("web", "restarting");
    world.pmon3(&["start", "web", "--no-wait"]);
    until("another start", || world.pids("starts").len() >= 3);
}

#[test]
fn kill_follows_term_when_the_stop_timeout_runs_out() {
    let world = World::with("stop_timeout: 0.2\n");
    let deaf = world.script(
        "deaf",
        "#!/bin/sh\ntrap '' TERM\necho ready\nwhile :; do sleep 1000; done\n",
    );
    world.pmon3(&["exec", &deaf]);
    until("it is deaf", || world.read("logs/deaf.log") == "ready\n");
    let begin = Instant::now();
    world.pmon3(&["stop", "deaf"]);
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert_eq!(world.desc("deaf")["signal"], json!(9));
}

#[test]
fn a_paused_program_obeys_stop() {
    let world = World::with("stop_timeout: 600\n");
    world.exec("web", "hold");
    let pid = world.pid("web");
    kernel::signal(pid, Signal::STOP);
    until("it is paused", || kernel::status_field(pid, "State").starts_with('T'));
    world.pmon3(&["stop", "web"]);
    assert_eq!(world.desc("web")["signal"], json!(15));
}

#[test]
fn flap_detection_holds_a_crash_loop_in_backoff() {
    let world = World::with(
        "flap_detection_enabled: true\nflap_detection_threshold_restarted: 2\nflap_detection_threshold_decrement: 0\n\
         flap_detection_threshold_countdown: 1200\nrestart_delay: 1\n",
    );
    world.exec("web", &format!("append={} exit=1", world.at("starts")));
    world.until_status("web", "backoff");
    assert_eq!(world.pids("starts").len(), 3, "the first start and two restarts");
    world.pmon3(&["stop", "web"]);
    assert_eq!(world.status("web"), "stopped");
}

#[test]
fn dependencies_run_before_what_depends_on_them_starts() {
    let world = World::new();
    world.exec("base", "hold");
    world.exec_with("web", "hold", &["--dependencies", "base"]);
    world.pmon3(&["kill"]);
    world.pmon3(&["init"]);
    let started = |name: &str| {
        world.desc(name)["started_at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert!(started("base") <= started("web"));
    assert_eq!(
        world.json(&["dgraph", "--json"])["dependency_order"],
        json!(["base", "web"]),
    );
}

#[test]
fn what_depends_on_a_stopped_process_is_queued_until_that_runs() {
    let world = World::new();
    world.exec("base", "hold");
    world.exec_with("web", "hold", &["--dependencies", "base"]);
    world.pmon3(&["kill"]);
    world.pmon3(&["start", "web", "--no-wait"]);
    assert_eq!(world.status("web"), "queued");
    world.pmon3(&["start", "base"]);
    world.until_status("web", "running");
}
