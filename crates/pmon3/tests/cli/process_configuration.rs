//! The process configuration in its three formats, and `init`.

use crate::world::{World, fixture, kernel, until};
use serde_json::{Value, json};
use std::fs;

/// The same two processes in each format, with the predecessor's field names.
fn in_all_formats(world: &World) -> [(&'static str, String); 4] {
    let fixture = fixture().display().to_string();
    let logs = world.at("custom");
    fs::create_dir_all(&logs).unwrap();
    let json = format!(
        r#"{{"processes": [
            {{"file": "{fixture}", "name": "happac1", "args": "say=one hold", "log_dir": "{logs}",
              "dependencies": ["happac2"], "groups": ["happac"], "env_vars": "A=1 B=2"}},
            {{"file": "{fixture}", "name": "happac2", "log": "{logs}/own.log", "args": "hold", "no_auto_restart": true,
              "groups": ["happac"]}}]}}"#
    );
    let yaml = format!(
        "processes:\n  - file: \"{fixture}\"\n    name: happac1\n    args: \"say=one hold\"\n    log_dir: \"{logs}\"\n    \
         dependencies:\n    - happac2\n    groups:\n    - happac\n    env_vars: A=1 B=2\n  - file: {fixture}\n    \
         name: happac2\n    log: {logs}/own.log\n    args: hold\n    no_auto_restart: true\n    groups:\n    - happac\n"
    );
    let toml = format!(
        "[[Processes]]\n  File = \"{fixture}\"\n  Name = \"happac1\"\n  Args = \"say=one hold\"\n  LogDir = \"{logs}\"\n  \
         Dependencies = [ \"happac2\" ]\n  Groups = [ \"happac\" ]\n  EnvVars = \"A=1 B=2\"\n\n[[Processes]]\n  \
         File = \"{fixture}\"\n  Name = \"happac2\"\n  Log = \"{logs}/own.log\"\n  Args = \"hold\"\n  \
         NoAutoRestart = true\n  Groups = [ \"happac\" ]\n"
    );
    [("json", json), ("yaml", yaml.clone()), ("yml", yaml), ("toml", toml)]
}

/// What is the same whichever format it came from.
fn described(world: &World) -> Vec<Value> {
    let mut list = world.list();
    list.sort_by_key(|process| process["name"].to_string());
    let keys = [
        "name",
        "process_file",
        "args",
        "env_vars",
        "cwd",
        "auto_restart",
        "dependencies",
        "groups",
        "status",
    ];
    list.iter()
        .map(|process| keys.iter().map(|key| process[*key].clone()).collect())
        .collect()
}

#[test]
fn all_formats_say_the_same() {
    let mut said = Vec::new();
    for (ending, _) in in_all_formats(&World::without_daemon("")) {
        let mut world = World::without_daemon("");
        let text = in_all_formats(&world)
            .into_iter()
            .find(|(e, _)| *e == ending)
            .unwrap()
            .1;
        let file = world.write(&format!("own.{ending}"), &text);
        world.configure(&format!("process_config_file: {file}\n"));
        world.start();
        for name in ["happac1", "happac2"] {
            world.until_status(name, "running");
        }
        assert_eq!(
            world.desc("happac1")["log"],
            json!(world.at("custom/happac1.log")),
            "{ending}"
        );
        assert_eq!(
            world.desc("happac2")["log"],
            json!(world.at("custom/own.log")),
            "{ending}"
        );
        said.push(described(&world));
    }
    let directory = fixture().parent().unwrap().display().to_string();
    assert_eq!(
        said[0][0][4],
        json!(directory),
        "the working directory is the program's"
    );
    assert_eq!(said[0][0][3], json!({"A": "1", "B": "2"}));
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:#?}");
}

#[test]
fn pmon3_process_conf_names_the_file() {
    let mut world = World::without_daemon("");
    let file = world.write(
        "elsewhere.json",
        &json!({"processes": [{"file": fixture(), "args": "hold"}]}).to_string(),
    );
    let mut command = world.daemon_command();
    command.env("PMON3_PROCESS_CONF", file);
    world.start_by(&mut command);
    world.until_status("fixture", "running");
}

#[test]
fn init_starts_new_entries_takes_over_changed_fields_and_restarts_nothing() {
    let world = World::new();
    let entry = |name: &str, args: &str, groups: &[&str]| json!({"file": fixture(), "name": name, "args": args, "groups": groups});
    let write = |entries: &[Value]| world.write("process.config.json", &json!({"processes": entries}).to_string());
    write(&[entry("a", "hold", &[])]);
    world.pmon3(&["init"]);
    let pid = world.pid("a");
    write(&[entry("a", "say=changed hold", &["g"]), entry("b", "hold", &[])]);
    let said = world.pmon3(&["init"]);
    assert_eq!(world.pid("a"), pid, "what runs is not restarted");
    assert_eq!(world.desc("a")["groups"], json!(["g"]));
    assert_eq!(world.desc("a")["args"], json!(["say=changed", "hold"]));
    assert!(
        said.stderr.contains('a') && said.stderr.contains("args"),
        "that needs a restart: {}",
        said.stderr
    );
    assert_eq!(world.status("b"), "running");
    world.pmon3(&["restart", "a"]);
    until("the new arguments", || world.read("logs/a.log") == "changed\n");
}

#[test]
fn an_unknown_field_is_a_warning_of_init_that_names_the_line() {
    let world = World::new();
    let fixture = fixture().display().to_string();
    world.write(
        "process.config.json",
        &format!("{{\"processes\": [{{\"file\": \"{fixture}\", \"args\": \"hold\",\n\"grups\": [\"g\"]}}]}}"),
    );
    let said = world.pmon3(&["init"]).stderr;
    assert!(
        said.contains(":2") && said.contains("grups") && said.contains("groups"),
        "{said}"
    );
    assert_eq!(world.status("fixture"), "running");
}

#[test]
fn init_of_the_configuration_only_leaves_the_others_alone() {
    let world = World::new();
    world.exec("other", "hold");
    super::order::entries(&world, &[("a", &[])]);
    world.pmon3(&["kill"]);
    world.pmon3(&["init", "--process-config-only"]);
    assert_eq!([world.status("a"), world.status("other")], ["running", "stopped"]);
    world.pmon3(&["init"]);
    assert_eq!(world.status("other"), "running");
}

#[test]
fn an_error_names_file_line_and_field_and_nothing_is_applied() {
    let world = World::new();
    let fixture = fixture().display().to_string();
    for (what, text, wanted) in [
        ("syntax", "{\"processes\": [\n{,]}".to_owned(), &[":2"][..]),
        (
            "type",
            format!("{{\"processes\": [\n{{\"file\": \"{fixture}\",\n\"name\": 7}}]}}"),
            &[":3", "name"],
        ),
        (
            "missing file",
            "{\"processes\": [\n{\"name\": \"a\"}]}".to_owned(),
            &["file"],
        ),
        (
            "bad name",
            format!("{{\"processes\": [\n{{\"file\": \"{fixture}\",\n\"name\": \"../a\"}}]}}"),
            &["name"],
        ),
        (
            "quotes",
            format!("{{\"processes\": [{{\"file\": \"{fixture}\", \"args\": \"'a\"}}]}}"),
            &["args"],
        ),
        (
            "variables",
            format!("{{\"processes\": [{{\"file\": \"{fixture}\", \"env_vars\": \"A\"}}]}}"),
            &["env_vars"],
        ),
        (
            "user",
            format!("{{\"processes\": [{{\"file\": \"{fixture}\",\n\"user\": \"no-such\"}}]}}"),
            &[":2", "user", "no-such"],
        ),
        (
            "log",
            format!("{{\"processes\": [{{\"file\": \"{fixture}\",\n\n\"log\": \"/no/such/dir/a.log\"}}]}}"),
            &[":3", "log", "/no/such/dir"],
        ),
        (
            "twice",
            format!(
                "{{\"processes\": [{{\"file\": \"{fixture}\", \"name\": \"a\"}}, {{\"file\": \"{fixture}\", \"name\": \"a\"}}]}}"
            ),
            &["a"],
        ),
    ] {
        world.write("process.config.json", &text);
        let said = world.refused(&["init"]);
        assert!(said.contains("process.config.json"), "{what}: {said}");
        for part in wanted {
            assert!(said.contains(part), "{what}: `{part}` is not in: {said}");
        }
        assert_eq!(world.names(), [""; 0], "{what}");
    }
}

#[test]
fn a_daemon_that_comes_back_starts_new_entries_and_leaves_stopped_ones_stopped() {
    let mut world = World::new();
    super::order::entries(&world, &[("a", &[])]);
    world.pmon3(&["init"]);
    world.pmon3(&["stop", "a"]);
    world.stop();
    super::order::entries(&world, &[("a", &[]), ("b", &[])]);
    world.start();
    world.until_status("b", "running");
    assert_eq!(world.status("a"), "stopped");
    assert!(kernel::is_alive(world.pid("b")));
}
