//! `export`: what is supervised, as a process configuration.

use crate::world::{World, fixture};
use serde_json::{Value, json};

/// Processes that a sloppy writer of files would break.
fn filled() -> World {
    let world = World::new();
    world.exec("plain", "hold");
    world.exec_with(
        "hard",
        r#"'say=two  words' "say=it's" 'say="quoted" \ back' 'say=ünïcode ☃' hold"#,
        &[
            "--env-vars",
            r#"A='b c' B="d'e" EMPTY= U=☃"#,
            "--dependencies",
            "plain",
            "--groups",
            "one",
            "--groups",
            "two",
            "--no-autorestart",
            "--cwd",
            &world.at("home"),
            "--log",
            &world.at("own.log"),
            "--stop-timeout",
            "2.5",
        ],
    );
    let lines =
        json!({"file": fixture(), "name": "lines", "args": ["say=a\nb\tc", "", "hold"], "env_vars": {"N": "x\ny"}});
    let made = crate::world::http::request(&world.socket(), "POST", "/v1/processes", &lines.to_string());
    assert_eq!(made.status, 201, "{made:?}");
    world
}

fn described(world: &World) -> Vec<Value> {
    let keys = [
        "name",
        "process_file",
        "args",
        "env_vars",
        "cwd",
        "log",
        "user",
        "auto_restart",
        "dependencies",
        "groups",
        "stop_timeout",
    ];
    let mut list = world.list();
    list.sort_by_key(|process| process["name"].to_string());
    list.iter()
        .map(|process| keys.iter().map(|key| process[*key].clone()).collect())
        .collect()
}

#[test]
fn what_is_exported_and_applied_again_gives_the_same_processes() {
    for format in ["json", "yaml", "toml"] {
        let world = filled();
        let before = described(&world);
        let exported = world.pmon3(&["export", "-f", format]).stdout;
        world.pmon3(&["drop"]);
        let file = world.write(&format!("own.{format}"), &exported);
        world.configure(&format!("process_config_file: {file}\n"));
        world.pmon3(&["init"]);
        assert_eq!(described(&world), before, "{format}:\n{exported}");
    }
}

#[test]
fn the_default_format_is_json_and_the_format_may_stand_alone() {
    let world = filled();
    let json: Value = world.json(&["export"]);
    assert_eq!(json["processes"].as_array().unwrap().len(), 3);
    assert_eq!(world.pmon3(&["export", "json"]).json(), json);
    assert_eq!(
        world.pmon3(&["export", "yaml"]).stdout,
        world.pmon3(&["export", "-f", "yaml"]).stdout
    );
    assert!(world.pmon3(&["export", "toml"]).stdout.contains("[[Processes]]"));
    world.run(&["export", "-f", "xml"]).ends_with(2);
}

#[test]
fn the_fields_are_those_of_the_predecessor() {
    let world = filled();
    let json = world.json(&["export"]);
    let hard = &json["processes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["name"] == "hard")
        .unwrap()
        .clone();
    assert_eq!(hard["file"], json!(fixture()));
    assert_eq!(hard["log"], json!(world.at("own.log")));
    assert_eq!(hard["no_auto_restart"], json!(true));
    assert_eq!(hard["dependencies"], json!(["plain"]));
    assert_eq!(hard["groups"], json!(["one", "two"]));
    assert!(hard["user"].is_string());
    let toml = world.pmon3(&["export", "-f", "toml"]).stdout;
    for field in [
        "File = ",
        "Name = ",
        "NoAutoRestart = true",
        "Dependencies = ",
        "Groups = ",
        "Log = ",
        "User = ",
    ] {
        assert!(toml.contains(field), "`{field}` is not in:\n{toml}");
    }
}
