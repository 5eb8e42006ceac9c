//! A program that cannot be started: the error names the step and the file.

use crate::world::{World, we_are_root};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// Makes something startable, breaks it, and starts it again: the command and `desc` both tell what is wrong.
fn broken_later(breaks: impl FnOnce(&World), wanted: &[&str]) {
    let world = World::new();
    fs::create_dir(world.path("place")).unwrap();
    let program = world.script("program", "#!/bin/sh\nexec sleep 1000\n");
    world.pmon3(&["exec", &program, "--cwd", &world.at("place")]);
    world.pmon3(&["stop", "program"]);
    breaks(&world);
    let said = world.run(&["start", "program"]).fails().stderr.to_lowercase();
    // Whatever was done to it: it is to be removed with the rest.
    let _ = fs::set_permissions(world.path("place"), fs::Permissions::from_mode(0o755));
    let view = world.desc("program");
    assert_eq!((&view["status"], &view["pid"]), (&json!("failed"), &json!(null)));
    let kept = view["error"].as_str().unwrap().to_lowercase();
    for part in wanted {
        assert!(said.contains(part), "`{part}` is not in what start says: {said}");
        assert!(kept.contains(part), "`{part}` is not in what desc says: {kept}");
    }
    assert_eq!(kept.lines().count(), 1, "{kept}");
}

#[test]
fn a_missing_file_is_named() {
    broken_later(
        |world| fs::remove_file(world.path("program")).unwrap(),
        &["/program", "does not exist"],
    );
}

#[test]
fn a_file_that_is_not_executable_is_named() {
    broken_later(
        |world| fs::set_permissions(world.path("program"), fs::Permissions::from_mode(0o644)).unwrap(),
        &["/program", "not executable"],
    );
}

#[test]
fn a_file_of_no_executable_format_is_named_and_never_given_to_a_shell() {
    broken_later(
        |world| {
            world.write("program", "touch here\n");
        },
        &["/program", "format"],
    );
}

#[test]
fn a_missing_interpreter_is_named() {
    broken_later(
        |world| {
            world.write("program", "#!/no/such/interpreter\n");
        },
        &["/program", "/no/such/interpreter"],
    );
}

#[test]
fn a_directory_as_program_is_refused() {
    broken_later(
        |world| {
            fs::remove_file(world.path("program")).unwrap();
            fs::create_dir(world.path("program")).unwrap();
        },
        &["/program"],
    );
}

#[test]
fn a_missing_working_directory_is_named() {
    broken_later(
        |world| fs::remove_dir(world.path("place")).unwrap(),
        &["working directory", "/place", "does not exist"],
    );
}

#[test]
fn a_working_directory_that_may_not_be_entered_is_named() {
    if we_are_root() {
        return; // root may enter any; the run as an ordinary user shows this
    }
    broken_later(
        |world| fs::set_permissions(world.path("place"), fs::Permissions::from_mode(0o000)).unwrap(),
        &["working directory", "/place", "permission denied"],
    );
}

#[test]
fn a_log_that_cannot_be_opened_is_named() {
    broken_later(
        |world| {
            fs::remove_file(world.path("logs/program.log")).unwrap();
            fs::create_dir(world.path("logs/program.log")).unwrap();
        },
        &["log", "program.log", "directory"],
    );
}

#[test]
fn exec_of_something_that_cannot_be_started_fails_and_says_why() {
    let world = World::new();
    let text = world.write("text", "not a program");
    for (file, part) in [
        ("/no/such/program", "does not exist"),
        (text.as_str(), "not executable"),
    ] {
        let said = world.run(&["exec", file, "--name", "web"]).fails().stderr;
        assert!(said.contains(file) && said.contains(part), "{said}");
        if world.names() == ["web"] {
            assert_eq!(world.status("web"), "failed");
            world.pmon3(&["del", "web"]);
        }
    }
}

#[test]
fn what_could_not_be_started_starts_when_the_cause_is_gone() {
    let world = World::new();
    let program = world.script("program", "#!/bin/sh\nexec sleep 1000\n");
    world.pmon3(&["exec", &program]);
    world.pmon3(&["stop", "program"]);
    fs::rename(&program, world.path("elsewhere")).unwrap();
    world.run(&["start", "program"]).fails();
    fs::rename(world.path("elsewhere"), &program).unwrap();
    world.pmon3(&["start", "program"]);
    let view = world.desc("program");
    assert_eq!((&view["status"], &view["error"]), (&json!("running"), &json!(null)));
}
