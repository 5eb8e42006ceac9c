//! `pmond` may be killed at any moment: no program is touched, nothing runs twice, nothing is forgotten.
//!
//! The environment makes the long test longer: `PMON3_CRASH_KILLS` (25), `PMON3_CRASH_PROGRAMS` (20); `PMON3_CRASH_SEED`
//! repeats a run, as far as the machine lets it.

mod adoption;
mod traffic;

use self::traffic::{Kind, OverAtLast, Program, Random, Traffic, Want};
use crate::world::{World, kernel};
use kernel::Marked;
use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Programs that nothing happens to but that their daemon is killed.
const BYSTANDER: &str = "bystander";
/// Programs that nobody commands, but that end by themselves and are killed.
const VICTIM: &str = "victim";
const COMMANDERS: usize = 3;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn settings(tree: &str) -> String {
    format!("process_tree: {tree}\nflap_detection_enabled: false\nrestart_delay: 10\nrestart_delay_max: 50\n")
}

fn has_cgroups(world: &World) -> bool {
    let found = world.json(&["version", "--json"])["tree"] == "cgroup";
    if !found {
        eprintln!("no cgroup of our own can be had here: not tried");
        assert!(
            std::env::var_os("PMON3_TEST_CGROUP").is_none(),
            "{}",
            world.daemon_log()
        );
    }
    found
}

#[test]
fn after_many_sudden_deaths_under_traffic_all_is_as_it_was_last_acknowledged_by_session() {
    many_deaths(World::with(&settings("session")));
}

#[test]
fn after_many_sudden_deaths_under_traffic_all_is_as_it_was_last_acknowledged_by_cgroup() {
    let world = World::with(&settings("auto"));
    if has_cgroups(&world) {
        many_deaths(world);
    }
}

fn many_deaths(mut world: World) {
    let (kills, programs) = (
        number("PMON3_CRASH_KILLS", 25),
        number("PMON3_CRASH_PROGRAMS", 20) as usize,
    );
    let seed = number("PMON3_CRASH_SEED", u64::from(std::process::id()));
    eprintln!("PMON3_CRASH_SEED={seed} PMON3_CRASH_KILLS={kills} PMON3_CRASH_PROGRAMS={programs}");
    let mut random = Random::new(seed);
    let traffic = Traffic {
        socket: world.socket(),
        instance: kernel::instance(&world.path("data")),
        is_over: AtomicBool::new(false),
    };

    let make = |kind: &str, number: usize| Program::new(&world, &format!("{kind}-{number}"), Kind::of(number));
    let mut bystanders: Vec<Program> = [0, 2, 3, 4].map(|number| make(BYSTANDER, number)).into();
    let mut victims: Vec<Program> = [0, 1, 4].map(|number| make(VICTIM, number)).into();
    let commanded = programs
        .saturating_sub(bystanders.len() + victims.len())
        .max(COMMANDERS);
    let mut commanded: Vec<Program> = (0..commanded).map(|number| make("commanded", number)).collect();
    for program in bystanders.iter_mut().chain(&mut victims) {
        program.exec(&traffic.socket);
        assert_eq!(program.wanted, BTreeSet::from([Want::Up]));
    }
    let mut history = History::default();
    history.look(&traffic);

    std::thread::scope(|threads| {
        let over = OverAtLast(&traffic);
        let share = commanded.len().div_ceil(COMMANDERS);
        for (number, programs) in commanded.chunks_mut(share).enumerate() {
            let random = Random::new(seed + 1 + number as u64);
            let traffic = &traffic;
            threads.spawn(move || traffic.command(programs, random));
        }
        let killer = Random::new(seed + 100);
        threads.spawn(|| traffic.kill(BYSTANDER, killer));
        for _ in 0..kills {
            // From before the first thing that a daemon does after its return to long after it.
            let pause = [3, 30, 300][random.below(3) as usize];
            std::thread::sleep(Duration::from_millis(random.below(pause)));
            nothing_runs_twice(&traffic.instance);
            world.kill();
            world.start();
            history.look(&traffic);
        }
        drop(over);
    });

    let all: Vec<&Program> = bystanders.iter().chain(&victims).chain(&commanded).collect();
    let deadline = Instant::now() + crate::world::BOUND;
    while let Err(why) = judge(&world, &traffic, &all) {
        assert!(Instant::now() < deadline, "{why}");
        std::thread::sleep(Duration::from_millis(20));
    }
    history.look(&traffic);
    for program in victims.iter().filter(|program| program.kind == Kind::Steady) {
        let starts = world.pids(&format!("starts-{}", program.name)).len() as u64;
        assert!(
            world.restarts(&program.name) + 1 >= starts,
            "restarts of {}",
            program.name
        );
    }
    for program in all.iter().filter(|program| program.kind == Kind::Writing) {
        lines_go_on(&world, &program.name);
    }
    deaths_are_noticed_at_once(&mut world, &bystanders);
}

/// What was seen of the programs that nobody commands.
#[derive(Default)]
struct History {
    bystanders: BTreeMap<String, (Value, Value)>,
    restarts: BTreeMap<String, u64>,
}

impl History {
    #[track_caller]
    fn look(&mut self, traffic: &Traffic) {
        for view in traffic.list().unwrap() {
            let name = view["name"].as_str().unwrap().to_owned();
            let restarts = view["restart_count"].as_u64().unwrap();
            if name.starts_with(BYSTANDER) {
                let now = (view["pid"].clone(), view["started_at"].clone());
                let before = self.bystanders.entry(name).or_insert_with(|| now.clone());
                assert_eq!((&now, restarts), (&*before, 0), "a program was touched: {view:#}");
            } else if name.starts_with(VICTIM) {
                let before = self.restarts.insert(name, restarts).unwrap_or(0);
                assert!(before <= restarts, "{before} restarts were counted already: {view:#}");
            }
        }
    }
}

/// At no time has an id two main processes.
#[track_caller]
fn nothing_runs_twice(instance: &str) {
    let mut mains: BTreeMap<u64, Marked> = BTreeMap::new();
    for one in kernel::marked(instance).into_iter().filter(|one| one.pid == one.main) {
        if let Some(other) = mains.insert(one.id, one) {
            // The first may have ended since it was seen.
            assert!(!kernel::is_alive(other.pid), "it runs twice: {one:?} {other:?}");
        }
    }
}

/// Whether every program is where it is to be, once.
fn judge(world: &World, traffic: &Traffic, programs: &[&Program]) -> Result<(), String> {
    let views = world.list();
    let mut members: BTreeMap<u64, Vec<Marked>> = BTreeMap::new();
    for one in kernel::marked(&traffic.instance) {
        members.entry(one.id).or_default().push(one);
    }
    for program in programs {
        let name = &program.name;
        let view = views.iter().find(|view| view["name"] == **name);
        let status = view.map_or("unknown", |view| view["status"].as_str().unwrap());
        let want = match status {
            "running" => Want::Up,
            "stopped" => Want::Down,
            "unknown" => Want::Gone,
            other => return Err(format!("{name} is {other}")),
        };
        if !program.wanted.contains(&want) {
            return Err(format!("{name} is {status}, wanted: {:?}", program.wanted));
        }
        let Some(view) = view else { continue };
        let its = members.remove(&view["id"].as_u64().unwrap()).unwrap_or_default();
        let mains: Vec<u64> = its
            .iter()
            .filter(|one| one.pid == one.main)
            .map(|one| one.pid.into())
            .collect();
        let expected: Vec<u64> = view["pid"].as_u64().into_iter().collect();
        if mains != expected {
            return Err(format!("{name} is {status} with {its:?}, and {view:#}"));
        }
        if its.iter().any(|one| Some(u64::from(one.main)) != view["pid"].as_u64()) {
            return Err(format!("of an earlier run of {name} something is left: {its:?}"));
        }
        let count = program.kind.members().filter(|_| want == Want::Up);
        if count.is_some_and(|count| count != its.len()) {
            return Err(format!("{name} has {count:?} processes: {its:?}"));
        }
    }
    if members.is_empty() {
        Ok(())
    } else {
        Err(format!("nobody knows these: {members:?}"))
    }
}

/// Each run has written its lines one after the other, into the one file.
fn lines_go_on(world: &World, name: &str) {
    let mut runs: BTreeMap<String, u64> = BTreeMap::new();
    for line in world.read(format!("logs/{name}.log")).lines() {
        let (pid, number) = line.split_once(' ').unwrap_or_else(|| panic!("{name}: {line:?}"));
        let last = runs.entry(pid.to_owned()).or_default();
        *last += 1;
        assert_eq!(number.parse(), Ok(*last), "{name}: {line}");
    }
}

fn deaths_are_noticed_at_once(world: &mut World, programs: &[Program]) {
    world.kill();
    world.start();
    for program in programs {
        let pid = world.pid(&program.name);
        let signal = if program.kind == Kind::Deaf {
            Signal::KILL
        } else {
            Signal::TERM
        };
        kernel::signal(pid, signal);
        let since = Instant::now();
        world.successor(&program.name, pid);
        let noticed = since.elapsed();
        assert!(noticed < Duration::from_secs(2), "noticed after {noticed:?}");
        let view = world.desc(&program.name);
        assert_eq!(
            (&view["signal"], &view["restart_count"]),
            (&Value::from(signal.as_raw()), &Value::from(1))
        );
    }
}
