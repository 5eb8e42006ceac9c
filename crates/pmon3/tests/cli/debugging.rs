//! PMON3_DEBUG, XIPC_DEBUG and log_level.

use crate::world::{PMON3, World, run, until};

#[test]
fn pmon3_debug_sets_what_the_daemon_logs() {
    for (value, debug, info) in [
        ("true", true, true),
        ("debug", true, true),
        ("info", false, true),
        ("error", false, false),
    ] {
        let mut world = World::without_daemon("log_level: error\n");
        let mut command = world.daemon_command();
        command.env("PMON3_DEBUG", value);
        world.start_by(&mut command);
        world.exec("web", "hold");
        world.stop();
        let log = world.daemon_log().to_uppercase();
        assert_eq!(
            (log.contains("DEBUG"), log.contains("INFO")),
            (debug, info),
            "{value}: {log}"
        );
    }
}

#[test]
fn the_configuration_sets_it_too() {
    for (level, info) in [("info", true), ("warn", false)] {
        let mut world = World::with(&format!("log_level: {level}\n"));
        world.stop();
        let log = world.daemon_log().to_uppercase();
        assert_eq!(
            (log.contains("DEBUG"), log.contains("INFO")),
            (false, info),
            "{level}: {log}"
        );
    }
}

#[test]
fn pmon3_debug_makes_the_command_line_talk_on_stderr_only() {
    let world = World::new();
    let silent = world.pmon3(&["ls"]);
    assert_eq!(silent.stderr, "");
    let talking = run::to_end(world.client(PMON3).arg("ls").env("PMON3_DEBUG", "true")).succeeds();
    assert!(!talking.stderr.is_empty());
    assert_eq!(talking.stdout, silent.stdout);
}

#[test]
fn xipc_debug_shows_requests_and_answers_with_timings_of_both_programs() {
    let mut world = World::without_daemon("log_level: info\n");
    let mut command = world.daemon_command();
    command.env("XIPC_DEBUG", "true");
    world.start_by(&mut command);
    let talking = run::to_end(world.client(PMON3).args(["ls", "--json"]).env("XIPC_DEBUG", "true")).succeeds();
    let shows = |said: &str| said.contains("GET /v1/processes") && said.contains("200");
    assert!(shows(&talking.stderr), "{}", talking.stderr);
    // The answer is sent before it is logged.
    until("the daemon's line", || shows(&world.daemon_log()));
    talking.json();
}
