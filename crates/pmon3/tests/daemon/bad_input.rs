//! Bad input gets a clear error and changes nothing.

use crate::world::{World, fixture, we_are_root};

/// What is wrong, the command, and what its message must hold.
type Case = (&'static str, Vec<String>, Vec<String>);

fn exec(flags: &[&str]) -> Vec<String> {
    let mut args = vec![
        "exec".to_owned(),
        fixture().display().to_string(),
        "--args=hold".to_owned(),
    ];
    args.extend(flags.iter().map(|flag| (*flag).to_owned()));
    args
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn cases(world: &World) -> Vec<Case> {
    let long = "x".repeat(129);
    let mut cases = vec![
        ("unknown name", words(&["stop", "nobody"]), words(&["nobody"])),
        ("unknown id", words(&["restart", "99"]), words(&["99"])),
        ("unknown in a list", words(&["stop", "web,nobody"]), words(&["nobody"])),
        ("unknown to del", words(&["del", "nobody"]), words(&["nobody"])),
        ("unknown to desc", words(&["desc", "nobody"]), words(&["nobody"])),
        ("unknown to reset", words(&["reset", "nobody"]), words(&["nobody"])),
        ("unknown group", words(&["group", "stop", "nobody"]), words(&["nobody"])),
        ("duplicate name", exec(&["--name", "web"]), words(&["web"])),
        ("path as a name", exec(&["--name", "../x"]), words(&["../x"])),
        ("empty name", exec(&["--name", ""]), words(&["name"])),
        ("long name", exec(&["--name", &long]), words(&["128"])),
        ("digits as a name", exec(&["--name", "123"]), words(&["123"])),
        (
            "unbalanced quotes",
            exec(&["--name", "a", "--args=a 'b"]),
            words(&["args"]),
        ),
        (
            "variable without a value",
            exec(&["--name", "a", "--env-vars", "A=1 B"]),
            words(&["B"]),
        ),
        (
            "unbalanced quotes in variables",
            exec(&["--name", "a", "--env-vars", "A='1"]),
            words(&["env"]),
        ),
        (
            "unknown user",
            exec(&["--name", "a", "--user", "no-such-user"]),
            words(&["no-such-user"]),
        ),
        (
            "log in no directory",
            exec(&["--name", "a", "--log", "/no/such/dir/a.log"]),
            words(&["/no/such/dir"]),
        ),
        (
            "bad group name",
            exec(&["--name", "a", "--groups", "a/b"]),
            words(&["a/b"]),
        ),
        (
            "itself as a dependency",
            exec(&["--name", "a", "--dependencies", "a"]),
            words(&["a -> a"]),
        ),
        (
            "lines that are no number",
            words(&["log", "web", "-n", "many"]),
            words(&["many"]),
        ),
    ];
    if !we_are_root() {
        let place = world.path("sealed");
        std::fs::create_dir_all(&place).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o555);
        std::fs::set_permissions(&place, mode).unwrap();
        let log = world.at("sealed/a.log");
        cases.push((
            "log that may not be written",
            exec(&["--name", "a", "--log", &log]),
            vec![world.at("sealed")],
        ));
        cases.push((
            "user that may not be used",
            exec(&["--name", "a", "--user", "root"]),
            words(&["root"]),
        ));
    }
    cases
}

#[test]
fn each_wrong_request_is_refused_by_name_and_changes_nothing() {
    let world = World::new();
    world.exec("web", "hold");
    let state = |world: &World| {
        let mut list = world.list();
        for view in &mut list {
            for figure in ["cpu_percent", "memory_bytes"] {
                view.as_object_mut().unwrap().remove(figure);
            }
        }
        (list, world.json(&["group", "ls", "--json"]))
    };
    let before = state(&world);
    for (what, args, wanted) in cases(&world) {
        let output = world.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        // What the command line itself can see is wrong usage, the rest could not be done.
        assert!(matches!(output.code, Some(1 | 2)), "{what}: {output:?}");
        for part in wanted {
            assert!(
                output.stderr.contains(&part),
                "{what}: `{part}` is not in: {}",
                output.stderr
            );
        }
        assert!(!output.stderr.contains("panicked"), "{what}: {}", output.stderr);
        assert_eq!(state(&world), before, "{what}");
    }
}

#[test]
fn a_cycle_through_several_processes_is_named_and_nothing_of_the_change_is_applied() {
    let world = World::new();
    world.exec_with("a", "hold", &["--dependencies", "b"]);
    world.exec_with("b", "hold", &["--dependencies", "c"]);
    let said = world.run(
        &exec(&["--name", "c", "--dependencies", "a"])
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    let said = said.fails().stderr;
    assert!(
        ["a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c"]
            .iter()
            .any(|c| said.contains(c)),
        "{said}"
    );
    assert_eq!(world.names(), ["a", "b"]);
}

#[test]
fn a_dependency_that_nobody_has_is_a_warning() {
    let world = World::new();
    let output = world.exec_with("web", "hold", &["--dependencies", "nobody"]);
    assert!(output.stderr.contains("nobody"), "{}", output.stderr);
    assert_eq!(world.status("web"), "running");
}

#[test]
fn wrong_usage_ends_with_code_2() {
    let world = World::without_daemon("");
    for args in [
        &["no-such-command"][..],
        &["ls", "--no-such-flag"],
        &["stop"],
        &["exec"],
        &["group", "assign", "a"],
    ] {
        world.run(args).ends_with(2);
    }
}
