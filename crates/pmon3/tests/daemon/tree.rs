//! `stop` and `restart` end the whole tree, whatever it does to get away.

use crate::world::{World, kernel, until};
use rustix::process::Signal;

/// The ways to hold a tree together that can be had here.
fn worlds(settings: &str) -> Vec<(&'static str, World)> {
    let mut worlds = Vec::new();
    let auto = World::with(settings);
    let best = auto.json(&["version", "--json"])["tree"].as_str().unwrap().to_owned();
    if best == "cgroup" {
        worlds.push(("cgroup", auto));
    } else {
        eprintln!("no cgroup of our own can be had here: only sessions are tried");
        assert!(std::env::var_os("PMON3_TEST_CGROUP").is_none(), "{}", auto.daemon_log());
    }
    let session = World::with(&format!("{settings}process_tree: session\n"));
    assert_eq!(session.json(&["version", "--json"])["tree"], "session");
    worlds.push(("session", session));
    worlds
}

/// The steps of a program that has a descendant of each kind that gets away from something: from its session
/// (`setsid`), its parent (`daemonize`), SIGTERM (`deaf`), its environment (`clean`). Each writes its number to `pids`.
fn escape(world: &World) -> (String, usize) {
    escape_by(world, &[])
}

/// The same, and these.
fn escape_by(world: &World, more: &[&str]) -> (String, usize) {
    let note = format!("append={};hold", world.at("pids"));
    let mut spawns = vec![
        format!("spawn={note}"),
        format!("spawn=setsid;{note}"),
        format!("spawn=daemonize;{note}"),
        format!("spawn=setsid;daemonize;{note}"),
        format!("spawn=daemonize;setsid;daemonize;{note}"),
        format!("spawn-deaf={note}"),
        format!("spawn-deaf=setsid;{note}"),
        format!("spawn-deaf=setsid;daemonize;setsid;{note}"),
        format!("spawn-clean={note}"),
        format!("spawn-clean-deaf={note}"),
    ];
    spawns.extend(more.iter().map(|kind| format!("{kind}{note}")));
    let count = spawns.len();
    let quoted: Vec<String> = spawns.iter().map(|spawn| format!("'{spawn}'")).collect();
    (
        format!("{} append={} hold", quoted.join(" "), world.at("pids")),
        count + 1,
    )
}

fn all_are_there(world: &World, count: usize) -> Vec<u32> {
    until("all descendants", || world.pids("pids").len() == count);
    let pids = world.pids("pids");
    assert!(pids.iter().all(|pid| kernel::is_alive(*pid)));
    std::fs::remove_file(world.path("pids")).unwrap();
    pids
}

fn none_is_there(way: &str, pids: &[u32]) {
    let alive: Vec<String> = pids
        .iter()
        .filter(|pid| kernel::is_alive(**pid))
        .map(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
        .collect();
    assert!(alive.is_empty(), "{way}: got away: {alive:#?}");
}

#[test]
fn stop_ends_descendants_that_try_to_get_away() {
    for (way, world) in worlds("stop_timeout: 0.3\n") {
        let (steps, count) = escape_by(&world, &["spawn-clean-deaf=setsid;"]);
        world.exec("hydra", &steps);
        let pids = all_are_there(&world, count);
        world.pmon3(&["stop", "hydra"]);
        none_is_there(way, &pids);
    }
}

#[test]
fn a_forced_restart_ends_them_at_once_and_starts_a_new_tree() {
    for (way, world) in worlds("stop_timeout: 600\n") {
        let (steps, count) = escape_by(&world, &["spawn-clean-deaf=setsid;"]);
        world.exec("hydra", &steps);
        let pids = all_are_there(&world, count);
        world.pmon3(&["restart", "hydra", "--force"]);
        none_is_there(way, &pids);
        all_are_there(&world, count);
        world.pmon3(&["stop", "hydra", "--force"]);
    }
}

#[test]
fn descendants_of_a_program_that_died_are_gone_before_it_runs_again() {
    for (way, world) in worlds("") {
        // By session nothing is left that tells of one without parent, session and environment; a cgroup holds that, too.
        let (steps, count) = match way {
            "cgroup" => escape_by(
                &world,
                &["spawn-clean-deaf=setsid;", "spawn-clean=daemonize;setsid;daemonize;"],
            ),
            _ => escape(&world),
        };
        world.exec("hydra", &steps);
        let pids = all_are_there(&world, count);
        kernel::signal(world.pid("hydra"), Signal::KILL);
        all_are_there(&world, count);
        none_is_there(way, &pids);
        assert_eq!(world.restarts("hydra"), 1);
        world.pmon3(&["stop", "hydra", "--force"]);
    }
}

#[test]
fn a_program_that_forks_a_replacement_at_sigterm_does_not_get_away() {
    for (way, world) in worlds("stop_timeout: 0.5\n") {
        let pids = world.at("pids");
        let hydra = world.script(
            "hydra",
            &format!(
                "#!/bin/sh\necho $$ >> {pids}\ntrap 'setsid \"$0\" & exit 0' TERM\nwhile :; do sleep 1000 & wait; done\n"
            ),
        );
        world.pmon3(&["exec", &hydra]);
        until("it is up", || !world.pids("pids").is_empty());
        world.pmon3(&["stop", "hydra"]);
        let seen = world.pids("pids");
        none_is_there(way, &seen);
        assert_eq!(kernel::members_of(&hydra), [0; 0], "{way}");
    }
}

#[test]
fn a_program_that_keeps_forking_is_ended() {
    for (way, world) in worlds("stop_timeout: 0.1\n") {
        // Each generation makes the next one in a session of its own and ends: there is always exactly one, never the same.
        let runner = world.script("runner", "#!/bin/sh\ntrap '' TERM\nsetsid \"$0\" &\n");
        let root = world.script("root", &format!("#!/bin/sh\n{runner} &\nexec sleep 1000\n"));
        world.pmon3(&["exec", &root]);
        until("it runs", || !kernel::members_of(&runner).is_empty());
        world.pmon3(&["stop", "root"]);
        // Without a cgroup it is a race, and the answer may be that it is still being stopped. What counts is that
        // nothing is left once it is called stopped.
        world.until_status("root", "stopped");
        assert_eq!(kernel::members_of(&runner), [0; 0], "{way}");
    }
}

#[test]
fn a_tree_outlives_its_daemon_and_is_ended_by_the_next_one() {
    for (way, mut world) in worlds("stop_timeout: 0.3\n") {
        let (steps, count) = escape(&world);
        world.exec("hydra", &steps);
        let pids = all_are_there(&world, count);
        let main = world.pid("hydra");
        world.kill();
        assert!(
            pids.iter().all(|pid| kernel::is_alive(*pid)),
            "{way}: SIGKILL of pmond touches nothing"
        );
        world.start();
        assert_eq!(world.pid("hydra"), main, "{way}");
        world.pmon3(&["stop", "hydra"]);
        none_is_there(way, &pids);
    }
}
