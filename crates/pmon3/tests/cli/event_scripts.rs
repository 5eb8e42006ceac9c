//! Event scripts: started for an event, with the process as JSON.

use crate::world::{World, kernel, program, until};
use rustix::process::Signal;
use serde_json::{Value, json};

/// A script that adds its last argument as a line to `events`.
fn recorder(world: &World, name: &str) -> String {
    let events = world.at("events");
    world.script(name, &format!("#!/bin/bash\nprintf '%s\\n' \"${{!#}}\" >> {events}\n"))
}

fn events(world: &World) -> Vec<Value> {
    world
        .read("events")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A world with these scripts, past its initialization period.
fn world_with(keys: &[&str]) -> World {
    let mut world = World::without_daemon("");
    let script = recorder(&world, "script");
    let settings: String = keys.iter().map(|key| format!("{key}: {script}\n")).collect();
    world.configure(&format!("initialization_period: 0\n{settings}"));
    world.start();
    world
}

#[test]
fn a_restart_runs_its_script_with_the_documented_keys() {
    let world = world_with(&["on_process_restart_exec"]);
    world.exec("web", "'say=a b' hold");
    let first = world.pid("web");
    kernel::signal(first, Signal::KILL);
    until("the event", || events(&world).len() == 1);
    let event = &events(&world)[0];
    let view = world.desc("web");
    for (key, value) in [
        ("id", json!(1)),
        ("name", json!("web")),
        ("pid", view["pid"].clone()),
        ("log", view["log"].clone()),
        ("process_file", view["process_file"].clone()),
        ("status", json!(2)),
        ("auto_restart", json!(true)),
        ("uid", view["uid"].clone()),
        ("gid", view["gid"].clone()),
        ("username", view["user"].clone()),
        ("status_name", json!("running")),
        ("restart_count", json!(1)),
        ("exit_code", json!(null)),
        ("signal", json!(9)),
    ] {
        assert_eq!(event[key], value, "{key} in {event:#}");
    }
    assert_eq!(event["args"], json!("'say=a b' hold"));
    assert!(event["event"].as_str().unwrap().contains("restart"));
    for key in ["created_at", "updated_at"] {
        assert!(
            event[key].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
            "{key} in {event:#}"
        );
    }
}

#[test]
fn a_failure_and_a_backoff_run_theirs() {
    let world = world_with(&["on_process_failure_exec"]);
    world.exec_with("once", "exit=3", &["--no-autorestart"]);
    until("the event", || events(&world).len() == 1);
    let event = &events(&world)[0];
    assert_eq!(
        (&event["name"], &event["exit_code"], &event["status"]),
        (&json!("once"), &json!(3), &json!(4))
    );

    let mut world = World::without_daemon("");
    let script = recorder(&world, "script");
    world.configure(&format!(
        "on_process_backoff_exec: {script}\nflap_detection_enabled: true\nflap_detection_threshold_restarted: 1\nrestart_delay: 1\n"
    ));
    world.start();
    world.exec("loop", "exit=1");
    until("the event", || events(&world).len() == 1);
    assert_eq!(events(&world)[0]["status"], json!(6));
}

#[test]
fn the_script_of_the_documentation_works_as_it_stands() {
    let Some(_) = program("jq") else { return };
    let mut world = World::without_daemon("");
    let script = world.script(
        "on_restart.bash",
        &format!(
            "#!/bin/bash\nPROCESS_JSON=\"$1\"\nPROCESS_ID=$(echo \"${{PROCESS_JSON}}\" | jq '.id')\n\
             PROCESS_NAME=$(echo \"${{PROCESS_JSON}}\" | jq '.name')\n\
             echo \"process restarted: ${{PROCESS_ID}} - ${{PROCESS_NAME}}\" >> {}\n",
            world.at("output.log")
        ),
    );
    world.configure(&format!(
        "initialization_period: 0\non_process_restart_exec: \"{script}\"\n"
    ));
    world.start();
    world.exec("happac4", "hold");
    kernel::signal(world.pid("happac4"), Signal::KILL);
    until("its line", || {
        world.read("output.log") == "process restarted: 1 - \"happac4\"\n"
    });
}

#[test]
fn a_script_may_have_arguments_and_no_shell_reads_them() {
    let mut world = World::without_daemon("");
    let out = world.at("words");
    let script = world.script(
        "script",
        &format!("#!/bin/bash\nprintf '%s|' \"${{@:1:$#-1}}\" >> {out}\n"),
    );
    world.configure(&format!(
        "initialization_period: 0\non_process_restart_exec: \"{script} 'two words' $HOME ;ls\"\n"
    ));
    world.start();
    world.exec("web", "hold");
    kernel::signal(world.pid("web"), Signal::KILL);
    until("its words", || world.read("words") == "two words|$HOME|;ls|");
}

#[test]
fn during_the_initialization_period_a_restart_runs_no_script() {
    let mut world = World::without_daemon("");
    let script = recorder(&world, "script");
    world.configure(&format!(
        "initialization_period: 600\non_process_restart_exec: {script}\non_process_failure_exec: {script}\n"
    ));
    world.start();
    world.exec("web", "hold");
    kernel::signal(world.pid("web"), Signal::KILL);
    until("a restart", || world.restarts("web") == 1);
    // Events are in order: when the failure's is there, a restart's would be.
    world.exec_with("once", "exit=1", &["--no-autorestart"]);
    until("an event", || !events(&world).is_empty());
    assert_eq!(events(&world).len(), 1);
    assert_eq!(events(&world)[0]["name"], json!("once"));
}

#[test]
fn what_a_script_says_is_in_the_daemons_log_and_one_that_cannot_be_run_too() {
    let mut world = World::without_daemon("");
    let script = world.script("script", "#!/bin/sh\necho what the script says\nexit 3\n");
    world.configure(&format!(
        "initialization_period: 0\non_process_restart_exec: {script}\non_process_failure_exec: /no/such/script\n"
    ));
    world.start();
    world.exec("web", "hold");
    kernel::signal(world.pid("web"), Signal::KILL);
    until("what it says", || world.daemon_log().contains("what the script says"));
    world.exec_with("once", "exit=1", &["--no-autorestart"]);
    until("the complaint", || world.daemon_log().contains("/no/such/script"));
    assert_eq!(world.status("web"), "running");
}
