//! All processes: takes events, lets each process follow its table, and sees to what lies between processes:
//! dependencies, turns to end, and the end of all.

use crate::effect::{Effect, News};
use crate::event::{Event, Now, Observation, Policy, Refusal, Ticket, Write};
use crate::group::Groups;
use crate::process::{Context, Ending, Phase, Process, Stage, Wait};
use crate::record::{Goal, Group};
use crate::registry::Registry;
use crate::request::Requests;
use crate::saving::{Key, Saving};
use crate::spec::{Id, Name, Run, Selector};
use crate::view::View;
use crate::waits::Waits;
use std::collections::BTreeSet;
use std::time::Instant;

/// The pure core. One owner feeds it events and carries out its effects in their order.
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub(crate) policy: Policy,
    pub(crate) known: Registry,
    pub(crate) groups: Groups,
    pub(crate) requests: Requests,
    pub(crate) waits: Waits,
    pub(crate) saving: Saving,
    pub(crate) closing: Closing,
}

/// How far the daemon's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closing {
    No,
    /// All processes are on their way down.
    Stopping,
    /// The processes stay; the end comes when all writes up to this one were answered.
    Leaving(Write),
    /// `Finish` was said.
    Finished,
}

/// What one turn has brought so far.
pub(crate) struct Turn {
    pub(crate) now: Now,
    pub(crate) out: Vec<Effect>,
    /// Whose phase or neighbourhood may have changed, to be looked at.
    pub(crate) work: BTreeSet<Id>,
    /// Who was looked at.
    looked: BTreeSet<Id>,
    /// What has changed, to be written.
    pub(crate) dirty: BTreeSet<Key>,
}

impl Turn {
    pub(crate) fn new(now: Now) -> Turn {
        Turn {
            now,
            out: Vec::new(),
            work: BTreeSet::new(),
            looked: BTreeSet::new(),
            dirty: BTreeSet::new(),
        }
    }

    /// What a transition needs.
    pub(crate) fn context<'a>(&'a mut self, policy: &'a Policy) -> Context<'a> {
        Context {
            now: self.now,
            policy,
            out: &mut self.out,
        }
    }

    /// This process has changed.
    pub(crate) fn changed(&mut self, id: Id) {
        self.work.insert(id);
        self.dirty.insert(Key::Process(id));
    }
}

// ---- what the owner calls ----

impl Supervisor {
    /// One that knows nobody.
    #[must_use]
    pub fn new(policy: Policy) -> Supervisor {
        Supervisor {
            policy,
            known: Registry::new(),
            groups: Groups::default(),
            requests: Requests::default(),
            waits: Waits::default(),
            saving: Saving::default(),
            closing: Closing::No,
        }
    }

    /// Takes one event and says what is to be done: deeds first, then writes, then news, then answers.
    #[must_use = "an effect that is dropped is a promise broken"]
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        let mut turn = Turn::new(now);
        match event {
            Event::Request(ticket, caller, request) => self.take_request(ticket, caller, request, &mut turn),
            _ if self.closing == Closing::Finished => {}
            Event::Observed(observation) => self.observe(observation, &mut turn),
            Event::Stored(write) => self.stored(write, &mut turn),
            Event::StoreFailed(write, why) => self.store_failed(write, &why, &mut turn),
            Event::Wake => self.wake(&mut turn),
            Event::Policy(policy) => self.policy = policy,
            Event::Shutdown => self.shut_down(&mut turn),
        }
        self.finish_turn(turn)
    }

    /// When to send [`Event::Wake`], if nothing else happens before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.closing == Closing::Finished {
            return None;
        }
        [self.known.next_deadline(), self.saving.retry_at()]
            .into_iter()
            .flatten()
            .min()
    }

    /// All processes, by id.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.known.iter().map(Process::view).collect()
    }

    /// One process.
    #[must_use]
    pub fn view(&self, id: Id) -> Option<View> {
        self.known.get(id).map(Process::view)
    }

    /// Whom a person means.
    ///
    /// # Errors
    /// [`Refusal::NoSuchProcess`], with the nearest name there is.
    pub fn find(&self, selector: &Selector) -> Result<Id, Refusal> {
        let found = match selector {
            Selector::Id(id) => self.known.get(*id).map(|process| process.id),
            Selector::Name(name) => self.known.id_of(name),
        };
        found.ok_or_else(|| self.no_such_process(selector))
    }

    /// All groups by id, each with the names of its members by id.
    #[must_use]
    pub fn groups(&self) -> Vec<(Group, Vec<Name>)> {
        self.groups.with_members(self.known.iter())
    }

    /// The settings in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// All records as they would be written now: what a store holds that has answered every write.
    #[must_use]
    pub fn records(&self) -> Vec<crate::Record> {
        self.known.iter().map(Process::record).collect()
    }

    /// The newest run of a process.
    #[must_use]
    pub fn current_run(&self, id: Id) -> Option<Run> {
        self.known.get(id).map(|process| process.run)
    }

    /// What an accepted request still waits for, one each. Empty when it was settled, or was not accepted yet.
    #[must_use]
    pub fn pending(&self, now: Now, ticket: Ticket) -> Vec<crate::Problem> {
        self.waits.pending(ticket, &self.known, now)
    }

    /// Whoever asked does not wait any more: no [`Effect::Settled`] will come. The reply still does.
    pub fn withdraw(&mut self, ticket: Ticket) {
        if !self.requests.withdraw(ticket) {
            self.waits.withdraw(ticket, &mut self.known);
        }
    }
}

// ---- one turn ----

impl Supervisor {
    pub(crate) fn finish_turn(&mut self, mut turn: Turn) -> Vec<Effect> {
        loop {
            self.settle(&mut turn);
            self.save(&mut turn);
            if !self.admit_requests(&mut turn) {
                break;
            }
        }
        for id in &turn.looked {
            self.waits.judge(*id, &mut self.known, &mut turn.out);
        }
        self.finish_if_done(&mut turn);
        // The hot path: what the kernel is to do does not wait for what people are to hear. A log is removed before
        // its process is forgotten, so that a crash in between leaves somebody who knows of it.
        turn.out.sort_by_key(|effect| match effect {
            Effect::Spawn(..) | Effect::Signal(..) => 0,
            Effect::RemoveLog(..) => 1,
            Effect::Store { .. } => 2,
            Effect::Announce(..) => 3,
            Effect::Reply(..) => 4,
            Effect::Settled(..) => 5,
            Effect::Finish => 6,
        });
        turn.out
    }

    fn observe(&mut self, observation: Observation, turn: &mut Turn) {
        let (id, run) = match &observation {
            Observation::Started { id, run, .. }
            | Observation::SpawnFailed { id, run, .. }
            | Observation::Exited { id, run, .. }
            | Observation::TreeGone { id, run } => (*id, *run),
        };
        // A word about another run than the present one is history, and so is one about a run that has ended.
        let Some(process) = self
            .known
            .get_mut(id)
            .filter(|process| process.run == run && process.is_up())
        else {
            return;
        };
        let mut ctx = turn.context(&self.policy);
        match observation {
            Observation::Started { live, .. } => process.started(live, &mut ctx),
            Observation::SpawnFailed { message, transient, .. } => process.spawn_failed(message, transient, &mut ctx),
            Observation::Exited { exit, leftovers, .. } => process.exited(exit, leftovers, &mut ctx),
            Observation::TreeGone { .. } => process.tree_gone(&mut ctx),
        }
        turn.changed(id);
    }

    fn wake(&mut self, turn: &mut Turn) {
        // Deadlines move only when the turn is finished, so each process is woken once.
        for id in self.known.due(turn.now.mono) {
            let Some(process) = self.known.get_mut(id) else {
                continue;
            };
            process.wake(&mut turn.context(&self.policy));
            turn.changed(id);
        }
        if self.saving.retry_at().is_some_and(|at| at <= turn.now.mono) {
            self.retry_saving(turn);
        }
    }

    fn shut_down(&mut self, turn: &mut Turn) {
        let again = self.closing == Closing::Stopping;
        self.refuse_waiting_requests(turn);
        // A last chance for what failed writes left unsaid.
        self.retry_saving(turn);
        if !again && !self.policy.stop_on_shutdown {
            if self.closing == Closing::No {
                self.save(turn);
                self.closing = Closing::Leaving(self.saving.last());
            }
            return;
        }
        self.closing = Closing::Stopping;
        for id in self.known.ids() {
            let Some(process) = self.known.get_mut(id) else {
                continue;
            };
            process.close(again, &mut turn.context(&self.policy));
            turn.changed(id);
        }
    }

    fn finish_if_done(&mut self, turn: &mut Turn) {
        let done = match self.closing {
            Closing::No | Closing::Finished => false,
            Closing::Stopping => self.known.up() == 0 && self.saving.answered(self.saving.last()),
            Closing::Leaving(up_to) => self.saving.answered(up_to),
        };
        if done {
            self.closing = Closing::Finished;
            self.waits.give_up(&mut self.known, &mut turn.out);
            turn.out.push(Effect::Finish);
        }
    }
}

// ---- between processes ----

impl Supervisor {
    /// Looks at each process that has work, and at those next to it, until nothing moves any more.
    fn settle(&mut self, turn: &mut Turn) {
        while let Some(id) = turn.work.pop_first() {
            turn.looked.insert(id);
            self.look_at(id, turn);
            self.known.reindex(id);
        }
    }

    fn look_at(&mut self, id: Id, turn: &mut Turn) {
        let Some(process) = self.known.get(id) else { return };
        match &process.phase {
            Phase::Waiting(Wait::Dependency(_) | Wait::HeadStart(_)) => self.start_if_ready(id, turn),
            Phase::Running { .. } => turn.work.extend(self.known.waiting_for(&process.spec.name)),
            Phase::Ending(Ending {
                stage: Stage::Turn { behind },
                ..
            }) => self.end_if_its_turn(id, *behind, turn),
            Phase::Resting(_) if process.goal == Goal::Gone => self.forget(id, turn),
            Phase::Resting(_) | Phase::Waiting(_) | Phase::Starting | Phase::Ending(_) => {}
        }
        if self.known.get(id).is_none_or(|process| !process.holds_others()) {
            turn.work.extend(self.known.waiting_to_end(id));
        }
    }

    fn start_if_ready(&mut self, id: Id, turn: &mut Turn) {
        let Some(readiness) = self.known.get(id).map(|process| self.readiness(process)) else {
            return;
        };
        let Some(process) = self.known.get_mut(id) else { return };
        match readiness {
            Readiness::Not(place) => process.phase = Phase::Waiting(Wait::Dependency(place)),
            Readiness::At(at) if at > turn.now.mono => process.phase = Phase::Waiting(Wait::HeadStart(at)),
            Readiness::At(_) | Readiness::Now => {
                process.spawn(&mut turn.context(&self.policy));
                turn.dirty.insert(Key::Process(id));
            }
        }
    }

    /// Whether all that a process depends on runs, and since when. A name that nobody has does not count.
    fn readiness(&self, process: &Process) -> Readiness {
        let dependencies = &process.spec.dependencies;
        let from = match process.phase {
            Phase::Waiting(Wait::Dependency(place)) => place,
            _ => 0,
        };
        let mut newest: Option<Instant> = None;
        // Beginning where the last look ended, so that all looks together pass each dependency about once.
        for place in (0..dependencies.len()).map(|step| (from + step) % dependencies.len()) {
            match self
                .known
                .by_name(&dependencies[place])
                .map(|dependency| &dependency.phase)
            {
                None => {}
                Some(Phase::Running { since, .. }) => newest = newest.max(Some(*since)),
                Some(_) => return Readiness::Not(place),
            }
        }
        newest.map_or(Readiness::Now, |since| {
            Readiness::At(since + self.policy.dependency_wait)
        })
    }

    fn end_if_its_turn(&mut self, id: Id, behind: Option<Id>, turn: &mut Turn) {
        let holder = self
            .known
            .get(id)
            .and_then(|process| self.known.holder_of(process, behind));
        let Some(process) = self.known.get_mut(id) else { return };
        match (holder, &mut process.phase) {
            (Some(_), Phase::Ending(ending)) => ending.stage = Stage::Turn { behind: holder },
            _ => process.terminate(&mut turn.context(&self.policy)),
        }
    }

    /// It was to be gone, and it is.
    fn forget(&mut self, id: Id, turn: &mut Turn) {
        let Some(process) = self.known.remove(id) else { return };
        process.announce(News::Deleted, &mut turn.context(&self.policy));
        if !self.known.shares_log(&process) {
            turn.out.push(Effect::RemoveLog(process.spec.clone()));
        }
        turn.dirty.insert(Key::Process(id));
        self.waits.forgotten(&process, &mut turn.out);
        // A name that nobody has keeps nobody from starting.
        turn.work.extend(self.known.waiting_for(&process.spec.name));
    }
}

/// Whether a process may start.
enum Readiness {
    Now,
    At(Instant),
    /// What it depends on at this place of its list does not run.
    Not(usize),
}
