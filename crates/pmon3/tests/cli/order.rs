//! In which order processes start: queue and dependencies, without starting anything.

use crate::world::{World, fixture};
use serde_json::json;

/// A process configuration of these names, each with what it depends on.
pub(super) fn entries(world: &World, processes: &[(&str, &[&str])]) {
    let entries: Vec<_> = processes
        .iter()
        .map(|(name, on)| json!({"file": fixture(), "name": name, "args": "hold", "dependencies": on}))
        .collect();
    world.write("process.config.json", &json!({"processes": entries}).to_string());
}

#[test]
fn dgraph_shows_queue_order_and_dependency_order() {
    let world = World::new();
    world.exec("known", "hold");
    entries(&world, &[("c", &["b"]), ("b", &["a"]), ("a", &[])]);
    let order = world.json(&["dgraph", "--json"]);
    assert_eq!(order["dependency_order"], json!(["known", "a", "b", "c"]));
    let order = world.json(&["order", "--process-config-only", "--json"]);
    assert_eq!(
        order,
        json!({"queue_order": ["c", "b", "a"], "dependency_order": ["a", "b", "c"]})
    );
    assert_eq!(world.names(), ["known"], "nothing was started");
    let text = world.pmon3(&["dgraph"]).stdout;
    assert!(text.contains("0: ") && text.contains("known"), "{text}");
}

#[test]
fn a_cycle_in_the_process_configuration_is_named_and_nothing_of_it_is_applied() {
    let world = World::new();
    entries(&world, &[("free", &[]), ("a", &["b"]), ("b", &["a"])]);
    let said = world.refused(&["init"]);
    assert!(said.contains("a -> b -> a") || said.contains("b -> a -> b"), "{said}");
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_dependent_process_waits_for_its_head_start() {
    let world = World::with("dependent_process_enqueued_wait: 300\n");
    entries(&world, &[("b", &["a"]), ("a", &[])]);
    world.pmon3(&["init", "--blocking"]);
    let started = |name: &str| {
        world.desc(name)["started_at"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    let wait = started("b").duration_since(started("a"));
    assert!(wait >= jiff::SignedDuration::from_millis(300), "{wait:?}");
}

#[test]
fn chains_that_do_not_depend_on_one_another_start_side_by_side() {
    // One after the other the waits alone would take longer than a command may take here.
    let world = World::with("dependent_process_enqueued_wait: 1000\n");
    let chains: Vec<(String, String)> = (0..40).map(|n| (format!("a{n}"), format!("b{n}"))).collect();
    let mut processes: Vec<(&str, Vec<&str>)> = Vec::new();
    for (a, b) in &chains {
        processes.push((b, vec![a]));
        processes.push((a, vec![]));
    }
    let processes: Vec<(&str, &[&str])> = processes.iter().map(|(name, on)| (*name, on.as_slice())).collect();
    entries(&world, &processes);
    world.pmon3(&["init", "--blocking"]);
    assert!(world.list().iter().all(|process| process["status"] == json!("running")));
}
