//! People and accidents that keep a daemon busy: programs of several kinds, and commands about them at random.

use crate::world::http::{Attempt, attempt};
use crate::world::kernel::{self, mark_of};
use crate::world::{World, fixture};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// SplitMix64: the same numbers for the same seed, everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }
}

/// What a program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lives.
    Steady,
    /// Ends by itself every second or so.
    Crashing,
    /// Has two descendants, each in a session of its own, one without a parent.
    Family,
    /// Ignores SIGTERM.
    Deaf,
    /// Writes numbered lines.
    Writing,
}

impl Kind {
    pub(super) fn of(number: usize) -> Kind {
        [Kind::Steady, Kind::Crashing, Kind::Family, Kind::Deaf, Kind::Writing][number % 5]
    }

    /// How many processes it is when all is quiet; `None`: it comes and goes.
    pub(super) fn members(self) -> Option<usize> {
        match self {
            Kind::Steady | Kind::Deaf => Some(1),
            Kind::Family => Some(3),
            Kind::Crashing | Kind::Writing => None,
        }
    }
}

/// What a person wanted of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    Up,
    Down,
    Gone,
}

/// A program, and what became of the commands about it.
pub(super) struct Program {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// What the last acknowledged command wanted, and those after it that were not answered.
    pub(super) wanted: BTreeSet<Want>,
    exec: String,
}

impl Program {
    pub(super) fn new(world: &World, name: &str, kind: Kind) -> Program {
        let fixture = fixture();
        let fixture = fixture.to_str().unwrap();
        let shell = |script: &str| ("/bin/sh", vec!["-c".to_owned(), script.to_owned()]);
        let steps = |steps: &[&str]| (fixture, steps.iter().map(|step| (*step).to_owned()).collect());
        let note = format!("append={}", world.at(&format!("starts-{name}")));
        let (file, args) = match kind {
            Kind::Steady => steps(&[&note, "hold"]),
            Kind::Crashing => shell("echo $$; sleep 1.1; exit 3"),
            Kind::Family => steps(&["spawn=setsid;hold", "spawn=daemonize;setsid;hold", &note, "hold"]),
            Kind::Deaf => shell(&format!("trap '' TERM; exec {fixture} hold")),
            // On stderr a shell tells that its `sleep` was killed, if it outlives it.
            Kind::Writing => shell("exec 2>/dev/null; i=0; while :; do i=$((i + 1)); echo $$ $i; sleep 0.1; done"),
        };
        let exec = json!({"file": file, "name": name, "args": args, "stop_timeout": 0.2});
        Program {
            name: name.to_owned(),
            kind,
            wanted: BTreeSet::from([Want::Gone]),
            exec: exec.to_string(),
        }
    }

    /// Gives a command and notes what can be concluded from the answer.
    fn command(&mut self, socket: &std::path::Path, method: &str, path: &str, body: &str, want: Want) {
        let answer = match attempt(socket, method, path, body) {
            Attempt::Answered(answer) => answer,
            Attempt::NotSent => return,
            Attempt::Unanswered => {
                self.wanted.insert(want);
                return;
            }
        };
        let body = answer.json();
        // Also where it says that not all has come true.
        if body.get("problems").is_some() {
            // One that is being deleted can be hurried, but not be called back.
            let stays_gone = want == Want::Down && self.wanted.contains(&Want::Gone);
            self.wanted = BTreeSet::from([want]);
            self.wanted.extend(stays_gone.then_some(Want::Gone));
            return;
        }
        match (answer.status, body["code"].as_str()) {
            (404, _) => {
                assert!(self.wanted.contains(&Want::Gone), "{} is forgotten: {body}", self.name);
                self.wanted = BTreeSet::from([Want::Gone]);
            }
            (409, Some("name_taken")) => {}
            _ => panic!("{method} {path}: {answer:?}"),
        }
    }

    pub(super) fn exec(&mut self, socket: &std::path::Path) {
        let body = self.exec.clone();
        self.command(socket, "POST", "/v1/processes", &body, Want::Up);
    }

    fn anything(&mut self, socket: &std::path::Path, random: &mut Random) {
        let force = random.below(4) == 0;
        let body = match random.below(3) {
            0 => json!({"force": force, "wait_ms": 0}),
            1 => json!({"force": force, "wait_ms": 50}),
            _ => json!({"force": force}),
        };
        let body = body.to_string();
        let one = format!("/v1/processes/{}", self.name);
        match random.below(10) {
            0..4 => self.exec(socket),
            4..7 => self.command(socket, "POST", &format!("{one}/restart"), &body, Want::Up),
            7..9 => self.command(socket, "POST", &format!("{one}/stop"), &body, Want::Down),
            _ => self.command(socket, "DELETE", &one, &body, Want::Gone),
        }
    }
}

/// What all who make traffic know.
pub(super) struct Traffic {
    pub(super) socket: PathBuf,
    pub(super) instance: String,
    pub(super) is_over: AtomicBool,
}

/// Also when the test fails.
pub(super) struct OverAtLast<'a>(pub(super) &'a Traffic);

impl Drop for OverAtLast<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

impl Traffic {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    /// Somebody who commands these programs, and nobody else does.
    pub(super) fn command(&self, programs: &mut [Program], mut random: Random) {
        while self.goes_on() {
            let chosen = random.below(programs.len() as u64) as usize;
            programs[chosen].anything(&self.socket, &mut random);
            std::thread::sleep(Duration::from_millis(random.below(10)));
        }
    }

    /// Kills main processes, but for those whose names begin so.
    pub(super) fn kill(&self, spared: &str, mut random: Random) {
        while self.goes_on() {
            std::thread::sleep(Duration::from_millis(20 + random.below(60)));
            let Some(all) = self.list() else { continue };
            let all: Vec<&Value> = all
                .iter()
                .filter(|view| !view["name"].as_str().unwrap().starts_with(spared))
                .collect();
            if all.is_empty() {
                continue;
            }
            let view = all[random.below(all.len() as u64) as usize];
            let Some(pid) = view["pid"].as_u64() else { continue };
            if mark_of(pid as u32, &self.instance).is_some_and(|mark| Some(mark.id) == view["id"].as_u64()) {
                kernel::signal(pid as u32, Signal::KILL);
            }
        }
    }

    /// All processes, if there is a daemon that says it.
    pub(super) fn list(&self) -> Option<Vec<Value>> {
        let Attempt::Answered(answer) = attempt(&self.socket, "GET", "/v1/processes", "") else {
            return None;
        };
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().as_array().cloned()
    }
}
