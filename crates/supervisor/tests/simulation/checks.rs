//! What must hold in each life:
//!
//! - at most one run of a process at a time (`Linux::spawn`), none signalled whose end was seen (`Linux::signal`);
//! - written, then done: what is started or ended is so on disk already;
//! - whatever ends lets those that depend on it go first, whatever starts waits for what it depends on;
//! - each ticket gets one reply, and if that accepts, one settlement (`World::perform`);
//! - what was acknowledged survives the death of the daemon and the loss of power;
//! - when things come to rest, what is wanted is what is, or it says why not, and what is stored is what is remembered.

use crate::life::{End, Simulation};
use crate::model::{Expected, may_touch};
use pmon3_supervisor::{Effect, Event, Goal, Id, Live, Name, Record, Request, Rest, Selector, Spec, Status};
use std::collections::{BTreeMap, BTreeSet};

impl Simulation {
    /// What was acknowledged is on disk. What was asked and not yet answered may be there or not; there are at most two
    /// such: one whose reply was not given yet, and the one behind it, whose write went out in the same turn.
    pub(crate) fn check_survived(&self, stored: &BTreeMap<Id, Expected>) {
        let mut groups = self.group_names();
        groups.extend(self.groups.clone());
        let perhaps = |id: Id, spec: &Spec| {
            self.unanswered
                .iter()
                .any(|(_, _, request)| may_touch(request, id, spec, &groups))
        };
        for (id, expected) in &self.model.processes {
            if perhaps(*id, &expected.spec) {
                continue;
            }
            match stored.get(id) {
                // Its number may be that of another one by now; in which groups it was does not matter any more.
                Some(found) if expected.goal == Goal::Gone => {
                    assert!(
                        found.goal == Goal::Gone || perhaps(*id, &found.spec),
                        "process {id} is back"
                    );
                }
                Some(found) => assert_eq!(found, expected, "what was acknowledged of process {id} is lost"),
                None => assert_eq!(expected.goal, Goal::Gone, "process {id} is lost"),
            }
        }
        for (id, found) in stored {
            // That one was forgotten may be forgotten by a disk that loses power; its deletion is then finished again.
            let known = self.model.processes.contains_key(id) || found.goal == Goal::Gone;
            assert!(known || perhaps(*id, &found.spec), "process {id} comes from nowhere");
        }
    }

    /// So are the groups, unless a request is open that may have made or deleted some.
    pub(crate) fn check_groups_survived(&self) {
        let changes_groups = |request: &Request| match request {
            Request::Exec(spec) => !spec.groups.is_empty(),
            Request::Init { entries, .. } => entries.iter().any(|spec| !spec.groups.is_empty()),
            Request::CreateGroup(_) | Request::DeleteGroups(_) => true,
            Request::Restart { .. } | Request::Stop { .. } | Request::Delete { .. } | Request::Reset(_) => false,
            Request::Assign { .. } | Request::Unassign { .. } => false,
        };
        if !self.unanswered.iter().any(|(_, _, request)| changes_groups(request)) {
            let stored: BTreeSet<Name> = self
                .world
                .disk
                .groups
                .values()
                .map(|group| group.name.clone())
                .collect();
            assert_eq!(stored, self.model.groups, "what was acknowledged of the groups is lost");
        }
    }

    // ---- what must hold at each step ----

    pub(crate) fn check_spawn(&self, id: Id, spec: &Spec) {
        let record = self.world.disk.records.get(&id).expect("what is started is on disk");
        assert_eq!(*record.spec, *spec, "what is started is what is on disk");
        assert!(
            matches!(record.goal, Goal::Up | Goal::Again),
            "{} is started though down on disk",
            spec.name
        );
    }

    pub(crate) fn check_terminate(&self, id: Id) {
        let record = self.world.disk.records.get(&id).expect("what is ended is on disk");
        let closing = self.end == End::Stopping;
        assert!(
            closing || record.goal != Goal::Up,
            "{} is ended though up on disk",
            record.spec.name
        );
        let core = self.world.core.records();
        let Some(process) = core.iter().find(|record| record.id == id) else {
            return;
        };
        let leaves = |goal| closing || matches!(goal, Goal::Down | Goal::Gone);
        if !leaves(process.goal) || closing {
            return;
        }
        for other in core
            .iter()
            .filter(|other| other.spec.dependencies.contains(&process.spec.name))
        {
            let goes_first = leaves(other.goal) && self.world.linux.is_alive(other.id) && other.live.is_some();
            let held = self.world.linux.stuck().contains(&other.id);
            assert!(
                !goes_first || held,
                "{} ends before {}",
                process.spec.name,
                other.spec.name
            );
        }
    }

    /// One that was queued is started only when all that it depends on runs.
    pub(crate) fn check_start_order(&self, before: &BTreeMap<Id, Status>) {
        for effect in &self.world.effects {
            let Effect::Spawn(id, _, spec) = effect else { continue };
            if !matches!(
                before.get(id),
                None | Some(Status::Queued | Status::Stopped | Status::Failed | Status::Closed)
            ) {
                continue;
            }
            for name in &spec.dependencies {
                let Ok(need) = self.world.core.find(&Selector::Name(name.clone())) else {
                    continue;
                };
                assert_eq!(
                    self.world.status(need),
                    Status::Running,
                    "{} starts before {name}",
                    spec.name
                );
            }
        }
    }

    /// The end comes when everything has ended that was to end, and everybody has heard.
    pub(crate) fn check_finish(&mut self) {
        let waiting = self.world.disk.oldest_waiting();
        match self.end {
            End::Open => panic!("nobody asked for the end"),
            End::Stopping => {
                assert!(waiting.is_none(), "a write is under way");
                assert!(self.world.linux.present().is_empty(), "a program is left behind");
                self.reach("ended with all programs");
            }
            End::Leaving(write) => {
                assert!(waiting.is_none_or(|oldest| oldest > write), "a write is under way");
                self.reach("ended without the programs");
            }
        }
        assert!(self.unsettled.is_empty(), "{:?} were not settled", self.unsettled);
        let unheard = |ticket| {
            self.world
                .inbox
                .iter()
                .any(|e| matches!(e, Event::Request(other, ..) if *other == ticket))
        };
        assert!(
            self.unanswered.iter().all(|(ticket, ..)| unheard(*ticket)),
            "{:?} not answered",
            self.unanswered
        );
    }

    /// A daemon that has come back takes up each process where it was.
    pub(crate) fn check_restored(&mut self, stored: &[Record]) {
        let groups = self.world.core.groups().len();
        assert_eq!(groups, self.world.disk.groups.len(), "a group comes from nowhere");
        for record in stored {
            let identity = |live: &Live| live.identity.clone();
            let main = self.world.linux.main_of(record.id).map(identity);
            let present = self.world.linux.present().contains(&record.id);
            let status = self.world.core.view(record.id).map(|view| view.status);
            let asked = |effect: &Effect| matches!(effect, Effect::Signal(id, ..) if *id == record.id);
            let signalled = self.world.effects.iter().any(asked);
            let newer = main.is_some() && main != record.live.as_ref().map(identity);
            match (record.goal, record.rest) {
                (Goal::Up, Rest::Failed) if !present => assert_eq!(status, Some(Status::Failed)),
                (Goal::Up, _) if main.is_some() => assert_eq!((status, signalled), (Some(Status::Running), false)),
                (Goal::Again, _) if newer => {
                    assert!(
                        !signalled,
                        "the restart of {} was done, and is done again",
                        record.spec.name
                    );
                    self.reach("a restart that was done was found done");
                }
                (Goal::Again, _) if main.is_some() => {
                    assert!(signalled, "the restart of {} is owed", record.spec.name);
                    self.reach("a restart that was owed was done");
                }
                (Goal::Down | Goal::Gone, _) => {
                    assert!(!matches!(
                        status,
                        Some(Status::Queued | Status::Init | Status::Restarting)
                    ));
                }
                (Goal::Up | Goal::Again, _) => {}
            }
        }
    }

    pub(crate) fn model_is_core(&self) -> bool {
        let core: BTreeMap<Id, Expected> = self
            .world
            .core
            .records()
            .iter()
            .map(|record| (record.id, Expected::of(record)))
            .collect();
        let expected = self
            .model
            .processes
            .iter()
            .filter(|(id, e)| e.goal != Goal::Gone || core.contains_key(id));
        expected.map(|(id, e)| (*id, e.clone())).collect::<BTreeMap<_, _>>() == core
    }

    // ---- what must hold in the end ----

    pub(crate) fn check_rest(&mut self) {
        self.world.assert_stored_is_remembered();
        assert!(
            self.model_is_core(),
            "{:?}\nis not\n{:?}",
            self.world.core.records(),
            self.model.processes
        );
        let mut waiting_up: BTreeSet<Id> = BTreeSet::new();
        for record in self.world.core.records() {
            let view = self.world.view(record.id);
            let main = self.world.linux.main_of(record.id);
            assert_eq!(view.pid, main.map(|live| live.pid), "{}", record.spec.name);
            assert_eq!(record.live.as_ref(), main);
            match (record.goal, view.status) {
                (Goal::Down, Status::Stopped) => assert!(main.is_none()),
                (Goal::Up, Status::Running) => assert!(main.is_some()),
                (Goal::Up, Status::Failed) => assert!(!record.spec.auto_restart || record.last_error.is_some()),
                (Goal::Up, Status::Closed) => assert!(record.rest == Rest::Closed && !record.spec.auto_restart),
                (Goal::Up, Status::Queued) => {
                    let runs = |name: &Name| {
                        let id = self.world.core.find(&Selector::Name(name.clone()));
                        id.is_ok_and(|id| self.world.status(id) != Status::Running)
                    };
                    assert!(
                        record.spec.dependencies.iter().any(runs),
                        "{} waits for nothing",
                        record.spec.name
                    );
                    waiting_up.insert(record.id);
                }
                (goal, status) => panic!("{}: {goal:?} but {status:?}", record.spec.name),
            }
        }
        let known: BTreeSet<Id> = self.world.core.records().iter().map(|record| record.id).collect();
        assert!(
            self.world.linux.present().iter().all(|id| known.contains(id)),
            "somebody runs whom nobody knows"
        );
        assert!(self.unanswered.is_empty(), "not answered: {:?}", self.unanswered);
        for ticket in &self.unsettled {
            let pending = self.world.core.pending(self.world.now, *ticket);
            assert!(!pending.is_empty(), "{ticket:?} is not settled and waits for nothing");
            assert!(
                pending.iter().all(|p| waiting_up.contains(&p.id)),
                "{ticket:?} waits for {pending:?}"
            );
        }
    }
}
