//! Groups: many to many, by id, name and comma list.

use crate::world::{World, kernel};
use serde_json::{Value, json};

fn groups(world: &World) -> Value {
    world.json(&["group", "ls", "--json"])
}

fn world_of(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        world.exec(name, "hold");
    }
    world
}

#[test]
fn the_example_of_the_documentation_works_as_it_stands() {
    let world = world_of(&["a", "b", "c", "d"]);
    world.pmon3(&["group", "create", "happac"]);
    world.pmon3(&["group", "assign", "happac", "3,4"]);
    assert_eq!(
        world.json(&["group", "desc", "happac", "--json"])["processes"],
        json!(["c", "d"])
    );
    let shown = world.pmon3(&["group", "desc", "happac"]).stdout;
    assert!(shown.contains("happac") && shown.contains("running"), "{shown}");
    world.pmon3(&["group", "remove", "happac", "4"]);
    assert_eq!(groups(&world), json!([{"id": 1, "name": "happac", "processes": ["c"]}]));
    world.pmon3(&["group", "del", "happac"]);
    assert_eq!(groups(&world), json!([]));
    assert_eq!(world.names(), ["a", "b", "c", "d"], "the processes stay");
}

#[test]
fn both_sides_take_ids_names_and_comma_lists() {
    let world = world_of(&["a", "b", "c"]);
    world.pmon3(&["groups", "create", "one"]);
    world.pmon3(&["groups", "create", "two"]);
    world.pmon3(&["group", "assign", "1,two", "a,2"]);
    assert_eq!(
        groups(&world),
        json!([{"id": 1, "name": "one", "processes": ["a", "b"]}, {"id": 2, "name": "two", "processes": ["a", "b"]}])
    );
    world.pmon3(&["group", "remove", "one,2", "1"]);
    assert_eq!(world.desc("a")["groups"], json!([]));
    assert_eq!(world.desc("b")["groups"], json!(["one", "two"]));
}

#[test]
fn exec_makes_the_groups_that_it_names() {
    let world = World::new();
    world.exec_with("a", "hold", &["--groups", "one", "--groups", "two"]);
    world.exec_with("b", "hold", &["--groups", "two"]);
    assert_eq!(
        groups(&world),
        json!([{"id": 1, "name": "one", "processes": ["a"]}, {"id": 2, "name": "two", "processes": ["a", "b"]}])
    );
}

#[test]
fn stop_restart_and_drop_reach_all_members_and_nobody_else() {
    let world = world_of(&["a", "b", "other"]);
    world.pmon3(&["group", "create", "g"]);
    world.pmon3(&["group", "assign", "g", "a,b"]);
    let other = world.pid("other");
    world.pmon3(&["group", "stop", "g"]);
    assert_eq!([world.status("a"), world.status("b")], ["stopped", "stopped"]);
    world.pmon3(&["group", "restart", "g"]);
    assert_eq!([world.status("a"), world.status("b")], ["running", "running"]);
    world.pmon3(&["group", "drop", "g"]);
    assert_eq!(world.names(), ["other"]);
    assert_eq!(world.pid("other"), other);
    assert!(kernel::is_alive(other));
    assert_eq!(groups(&world)[0]["name"], json!("g"), "the group itself stays");
}

#[test]
fn wrong_requests_about_groups_are_refused_and_change_nothing() {
    let world = world_of(&["a"]);
    world.pmon3(&["group", "create", "g"]);
    let before = groups(&world);
    for (args, wanted) in [
        (&["group", "create", "g"][..], "g"),
        (&["group", "create", "7"], "digits"),
        (&["group", "create", "a/b"], "'/'"),
        (&["group", "del", "nobody"], "nobody"),
        (&["group", "desc", "nobody"], "nobody"),
        (&["group", "assign", "nobody", "a"], "nobody"),
        (&["group", "assign", "g", "nobody"], "nobody"),
        (&["group", "assign", "g", "a,nobody"], "nobody"),
        (&["group", "remove", "g", "nobody"], "nobody"),
        (&["group", "restart", "9"], "9"),
        (&["group", "drop", "nobody"], "nobody"),
    ] {
        let said = world.refused(args);
        assert!(said.contains(wanted), "{args:?}: {said}");
        assert_eq!(groups(&world), before, "{args:?}");
    }
}
