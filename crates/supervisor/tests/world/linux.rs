//! The pretend Linux: one tree of pretend processes for each run, with habits that make trouble. It also watches that
//! nobody asks it for what must never be asked.

use pmon3_supervisor::{Ask, Exit, Found, Id, Live, Name, Now, Observation, Record, Run, Spec};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

/// How a program behaves.
#[derive(Clone, Debug, Default)]
pub struct Habits {
    /// It cannot be started, for this reason; whether another try may help.
    pub fails: Option<(String, bool)>,
    /// Main process and descendants do not care for SIGTERM.
    pub ignores_term: bool,
    /// The kernel holds it: it cannot even be killed.
    pub stuck: bool,
    /// When its main process ends, descendants stay.
    pub leaves_children: bool,
    /// So long after its start it ends by itself.
    pub dies_after: Option<(Duration, Exit)>,
}

#[derive(Default)]
pub struct Linux {
    /// By name, for the next start.
    pub habits: BTreeMap<Name, Habits>,
    trees: BTreeMap<Id, Tree>,
    next_pid: u32,
    boot: u32,
    /// How main processes ended that no daemon was told about.
    exits: BTreeMap<Id, Exit>,
    /// Runs of which the core knows that nothing is left.
    told_gone: BTreeSet<(Id, Run)>,
    pub spawned: Vec<(Id, Run)>,
    pub signalled: Vec<(Id, Ask)>,
}

/// A run: its main process and what that left.
struct Tree {
    run: Run,
    main: Option<Live>,
    children: bool,
    habits: Habits,
    dies_at: Option<(Instant, Exit)>,
}

impl Linux {
    pub fn program(&mut self, name: &str) -> &mut Habits {
        self.habits.entry(Name::new(name).unwrap()).or_default()
    }

    pub fn spawn(&mut self, now: Now, id: Id, run: Run, spec: &Spec) -> Observation {
        assert!(
            !self.trees.contains_key(&id),
            "two runs of process {id} ({}) at a time",
            spec.name
        );
        self.spawned.push((id, run));
        let habits = self.habits.get(&spec.name).cloned().unwrap_or_default();
        if let Some((message, transient)) = habits.fails {
            return Observation::SpawnFailed {
                id,
                run,
                message,
                transient,
            };
        }
        self.next_pid += 1;
        let identity = format!("boot{}:{}", self.boot, self.next_pid);
        let live = Live {
            pid: self.next_pid,
            identity,
            started_at: now.wall,
        };
        let dies_at = habits.dies_after.map(|(time, exit)| (now.mono + time, exit));
        let tree = Tree {
            run,
            main: Some(live.clone()),
            children: habits.leaves_children,
            habits,
            dies_at,
        };
        self.trees.insert(id, tree);
        Observation::Started { id, run, live }
    }

    pub fn signal(&mut self, id: Id, run: Run, ask: Ask) -> Vec<Observation> {
        assert!(
            !self.told_gone.contains(&(id, run)),
            "run {run} of process {id} is signalled after its end was seen"
        );
        self.signalled.push((id, ask));
        let Some(tree) = self.trees.get(&id) else {
            return Vec::new();
        };
        assert_eq!(tree.run, run, "a signal for another run than the one that lives");
        match ask {
            Ask::Terminate if tree.habits.ignores_term || tree.habits.stuck => Vec::new(),
            Ask::Terminate => self.end_all(id, Exit::Signal(15)),
            Ask::Kill if tree.habits.stuck => Vec::new(),
            Ask::Kill => self.end_all(id, Exit::Signal(9)),
        }
    }

    /// The main process ends by itself, and leaves whom it leaves.
    pub fn die(&mut self, id: Id, exit: Exit) -> Vec<Observation> {
        let Some(tree) = self.trees.get_mut(&id) else {
            return Vec::new();
        };
        tree.dies_at = None;
        if tree.main.take().is_none() {
            return Vec::new();
        }
        self.exits.insert(id, exit);
        let (run, leftovers) = (tree.run, tree.children);
        if !leftovers {
            self.trees.remove(&id);
        }
        vec![Observation::Exited {
            id,
            run,
            exit,
            leftovers,
        }]
    }

    /// The descendants end by themselves.
    pub fn children_end(&mut self, id: Id) -> Vec<Observation> {
        let Some(tree) = self.trees.get_mut(&id) else {
            return Vec::new();
        };
        tree.children = false;
        if tree.main.is_some() {
            return Vec::new();
        }
        let run = tree.run;
        self.trees.remove(&id);
        vec![Observation::TreeGone { id, run }]
    }

    /// The kernel lets it go: what was stuck can be killed, and was.
    pub fn release(&mut self, id: Id) -> Vec<Observation> {
        let Some(tree) = self.trees.get_mut(&id).filter(|tree| tree.habits.stuck) else {
            return Vec::new();
        };
        tree.habits.stuck = false;
        self.end_all(id, Exit::Signal(9))
    }

    fn end_all(&mut self, id: Id, exit: Exit) -> Vec<Observation> {
        let Some(tree) = self.trees.get_mut(&id) else {
            return Vec::new();
        };
        let mut seen = Vec::new();
        if tree.main.take().is_some() {
            self.exits.insert(id, exit);
            seen.push(Observation::Exited {
                id,
                run: tree.run,
                exit,
                leftovers: tree.children,
            });
        }
        if tree.children || seen.is_empty() {
            seen.push(Observation::TreeGone { id, run: tree.run });
        }
        self.trees.remove(&id);
        seen
    }

    // ---- time ----

    pub fn next_death(&self) -> Option<Instant> {
        self.trees
            .values()
            .filter_map(|tree| tree.dies_at.map(|(at, _)| at))
            .min()
    }

    pub fn deaths_due(&mut self, now: Instant) -> Vec<Observation> {
        let due = |tree: &Tree| tree.dies_at.filter(|(at, _)| *at <= now).map(|(_, exit)| exit);
        let dying: Vec<(Id, Exit)> = self
            .trees
            .iter()
            .filter_map(|(id, tree)| Some((*id, due(tree)?)))
            .collect();
        dying.into_iter().flat_map(|(id, exit)| self.die(id, exit)).collect()
    }

    // ---- what is there ----

    /// Whose main process lives.
    pub fn alive(&self) -> Vec<Id> {
        self.trees
            .iter()
            .filter(|(_, tree)| tree.main.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Of whom there is anything.
    pub fn present(&self) -> Vec<Id> {
        self.trees.keys().copied().collect()
    }

    pub fn is_alive(&self, id: Id) -> bool {
        self.trees.get(&id).is_some_and(|tree| tree.main.is_some())
    }

    pub fn main_of(&self, id: Id) -> Option<&Live> {
        self.trees.get(&id)?.main.as_ref()
    }

    pub fn stuck(&self) -> Vec<Id> {
        self.trees
            .iter()
            .filter(|(_, tree)| tree.habits.stuck)
            .map(|(id, _)| *id)
            .collect()
    }

    // ---- the daemon goes and comes ----

    pub fn was_told(&mut self, observation: &Observation) {
        match observation {
            Observation::Exited {
                id,
                run,
                leftovers: false,
                ..
            }
            | Observation::TreeGone { id, run } => {
                self.told_gone.insert((*id, *run));
            }
            Observation::Exited { .. } | Observation::Started { .. } | Observation::SpawnFailed { .. } => {}
        }
    }

    /// What a daemon finds that comes back.
    pub fn find(&self, record: &Record) -> Found {
        let tree = self.trees.get(&record.id);
        match tree.and_then(|tree| Some((tree.run, tree.main.clone()?))) {
            Some((run, live)) => Found::Alive { run, live },
            None => {
                let exit = record
                    .live
                    .as_ref()
                    .map(|_| self.exits.get(&record.id).copied().unwrap_or(Exit::Unknown));
                Found::Gone {
                    exit,
                    leftovers: tree.is_some(),
                }
            }
        }
    }

    /// A new daemon knows the numbers of the runs that live; what an ended one left it counts to the newest that it knows.
    pub fn hand_over(&mut self, run_of: impl Fn(Id) -> Option<Run>) {
        self.told_gone.clear();
        for (id, tree) in &mut self.trees {
            let run = run_of(*id).unwrap_or_else(|| panic!("process {id} lives, and nobody remembers it"));
            assert!(
                tree.main.is_none() || tree.run == run,
                "process {id} lives as {:?}, not {run:?}",
                tree.run
            );
            tree.run = run;
        }
    }

    pub fn reboot(&mut self) {
        self.trees.clear();
        self.exits.clear();
        self.boot += 1;
    }
}

/// A main process that some daemon started long ago.
pub fn live(pid: u32, started_at: SystemTime) -> Live {
    Live {
        pid,
        identity: format!("old:{pid}"),
        started_at,
    }
}
