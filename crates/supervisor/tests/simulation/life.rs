//! One life: the daemon, its programs and its disk, driven by a seed.

use crate::actions::Action;
use crate::model::{Expected, Model};
use crate::reached::{news, refusal};
use crate::rng::Rng;
use crate::say;
use crate::world::{Habits, World, secs};
use pmon3_supervisor::{Ask, Caller, Effect, Event, Id, Name, Policy, Refusal, Request, Run, Selector, Status, Ticket};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Simulation {
    pub(crate) world: World,
    rng: Rng,
    pub(crate) model: Model,
    /// What has happened at least once.
    pub(crate) reached: BTreeSet<&'static str>,
    /// Requests that were not replied to, in their order.
    pub(crate) unanswered: Vec<(Ticket, Caller, Request)>,
    /// Accepted, and not settled.
    pub(crate) unsettled: BTreeSet<Ticket>,
    withdrawn: BTreeSet<Ticket>,
    pub(crate) end: End,
    /// The groups as they were before the present turn.
    pub(crate) groups: BTreeMap<u32, Name>,
    aloud: bool,
}

/// Whether the daemon was told to end, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    Open,
    /// With all programs.
    Stopping,
    /// Without them, as soon as this write was answered.
    Leaving(u64),
}

impl Simulation {
    pub(crate) fn new(seed: u64, aloud: bool) -> Simulation {
        let mut rng = Rng::new(seed);
        let world = World::with(rng.policy()).forgetful();
        let (unsettled, withdrawn) = (BTreeSet::new(), BTreeSet::new());
        let (model, unanswered) = (Model::default(), Vec::new());
        Simulation {
            world,
            rng,
            model,
            reached: BTreeSet::new(),
            unanswered,
            unsettled,
            withdrawn,
            end: End::Open,
            groups: BTreeMap::new(),
            aloud,
        }
    }

    pub(crate) fn reach(&mut self, what: &'static str) {
        self.reached.insert(what);
    }

    fn tell(&self, text: impl Fn() -> String) {
        if self.aloud {
            say(&text());
        }
    }

    // ---- what happens ----

    /// One effect, one event, one write, or one act of chance.
    pub(crate) fn step(&mut self) {
        if !self.world.effects.is_empty() {
            if self.rng.one_in(500) {
                return self.crash();
            }
            return self.perform();
        }
        if self.world.finished {
            return self.begin_again();
        }
        match self.rng.below(10) {
            0..5 if !self.world.inbox.is_empty() => self.handle_next(),
            5..7 if self.world.disk.waiting() > 0 => self.answer(),
            _ => self.act(),
        }
    }

    fn act(&mut self) {
        let action = self.rng.action();
        self.tell(|| format!("{action:?}"));
        let (world, rng) = (&mut self.world, &mut self.rng);
        match action {
            Action::Request => {
                let (caller, request) = (rng.caller(), rng.request());
                let ticket = world.send(&caller, request.clone());
                self.tell(|| format!("  {ticket:?} of {}: {request:?}", caller.uid));
                self.unanswered.push((ticket, caller, request));
            }
            Action::Withdraw => {
                // The daemon withdraws only what it has handed on.
                let in_inbox = |ticket| {
                    world
                        .inbox
                        .iter()
                        .any(|e| matches!(e, Event::Request(t, ..) if *t == ticket))
                };
                let open = self
                    .unanswered
                    .iter()
                    .map(|(ticket, ..)| *ticket)
                    .chain(self.unsettled.iter().copied());
                let open: Vec<Ticket> = open.filter(|ticket| !in_inbox(*ticket)).collect();
                if let Some(ticket) = rng.pick(&open) {
                    world.core.withdraw(*ticket);
                    self.withdrawn.insert(*ticket);
                    self.unsettled.remove(ticket);
                }
            }
            Action::Die => {
                if let Some(id) = rng.pick(&world.linux.alive()) {
                    let seen = world.linux.die(*id, rng.exit());
                    world.inbox.extend(seen.into_iter().map(Event::Observed));
                }
            }
            Action::ChildrenEnd => {
                if let Some(id) = rng.pick(&world.linux.present()) {
                    let seen = world.linux.children_end(*id);
                    world.inbox.extend(seen.into_iter().map(Event::Observed));
                }
            }
            Action::Release => {
                if let Some(id) = rng.pick(&world.linux.stuck()) {
                    let seen = world.linux.release(*id);
                    world.inbox.extend(seen.into_iter().map(Event::Observed));
                }
            }
            Action::PassTime => {
                let time = rng.time();
                self.pass(time);
            }
            Action::JumpWallClock => {
                let jump = secs(rng.below(100_000));
                world.now.wall = if rng.one_in(2) {
                    world.now.wall + jump
                } else {
                    world.now.wall - jump
                };
            }
            Action::BreakOrMendDisk => {
                let breaks = world.disk.broken.is_none() && rng.one_in(3);
                world.disk.broken = breaks.then(|| "No space left on device".to_owned());
            }
            Action::ChangeHabits => {
                let (program, habits) = rng.habits();
                *world.linux.program(&program) = habits;
            }
            Action::ChangePolicy => {
                // The user of a daemon stays.
                world.policy = Policy {
                    owner: world.policy.owner,
                    ..rng.policy()
                };
                world.inbox.push_back(Event::Policy(world.policy.clone()));
            }
            Action::LateWord => {
                let views = world.core.views();
                if let Some(view) = rng.pick(&views).filter(|view| view.run > Run(0)) {
                    let old = Run(view.run.0 - 1);
                    world.inbox.push_back(Event::Observed(rng.late_word(view.id, old)));
                }
            }
            Action::CrashDaemon => self.crash(),
            Action::LosePower => {
                self.lose_writes();
                let kept = self.rng.below(1 + self.world.disk.unsafe_writes() as u64);
                self.world.lose_power(usize::try_from(kept).unwrap_or(0));
                self.come_back();
            }
            Action::ShutDown => self.world.inbox.push_back(Event::Shutdown),
        }
    }

    fn pass(&mut self, time: std::time::Duration) {
        let end = self.world.now.mono + time;
        let next = [self.world.core.next_deadline(), self.world.linux.next_death()]
            .into_iter()
            .flatten()
            .min();
        // A daemon that is busy comes late to its deadlines, one that sleeps is woken by them.
        let late = self.rng.one_in(8);
        let at = next
            .filter(|at| *at < end && !late)
            .unwrap_or(end)
            .max(self.world.now.mono);
        self.world.jump_to(at);
        let deaths = self.world.linux.deaths_due(at);
        self.world.inbox.extend(deaths.into_iter().map(Event::Observed));
        if self.world.core.next_deadline().is_some_and(|deadline| deadline <= at) {
            self.world.inbox.push_back(Event::Wake);
        }
    }

    fn handle_next(&mut self) {
        let Some(event) = self.world.inbox.pop_front() else {
            return;
        };
        self.handle(event);
    }

    fn answer(&mut self) {
        let Some(event) = self.world.disk.answer() else { return };
        self.handle(event);
    }

    fn handle(&mut self, event: Event) {
        self.tell(|| format!("-> {event:?}"));
        let before: BTreeMap<Id, Status> = self.world.core.views().iter().map(|v| (v.id, v.status)).collect();
        self.groups = self.group_names();
        let shuts_down = matches!(event, Event::Shutdown);
        if shuts_down && self.world.core.policy().stop_on_shutdown {
            self.end = End::Stopping;
        }
        self.world.handle(event);
        if shuts_down && self.end == End::Open {
            let writes = self.world.effects.iter().filter_map(|effect| match effect {
                Effect::Store { write, .. } => Some(write.0),
                _ => None,
            });
            self.end = End::Leaving(writes.max().unwrap_or_else(|| self.world.disk.last_asked()));
        }
        self.check_start_order(&before);
    }

    fn perform(&mut self) {
        let Some(effect) = self.world.effects.pop_front() else {
            return;
        };
        self.tell(|| format!("   {effect:?}"));
        match &effect {
            Effect::Spawn(id, _, spec) => self.check_spawn(*id, spec),
            Effect::Signal(id, _, Ask::Terminate) => self.check_terminate(*id),
            Effect::Signal(_, _, Ask::Kill) => {}
            Effect::RemoveLog(spec) => {
                let used = self.world.core.views().iter().any(|view| view.spec.log == spec.log);
                assert!(!used, "{} is removed and used", spec.log);
            }
            Effect::Reply(ticket, reply) => {
                let place = self.unanswered.iter().position(|(other, ..)| other == ticket);
                let (_, _, request) = self.unanswered.remove(place.expect("a reply to a ticket that is open"));
                if let Ok(accepted) = reply {
                    let core = &self.world.core;
                    let id_of = |name: &Name| core.find(&Selector::Name(name.clone())).ok();
                    self.model.acknowledge(&request, accepted, id_of, &self.groups);
                    if !self.withdrawn.contains(ticket) {
                        self.unsettled.insert(*ticket);
                    }
                }
                if let Err(refused) = reply {
                    self.reach(refusal(refused));
                    let broken = matches!(refused, Refusal::StoreFailed(_));
                    assert!(
                        !broken || self.model_is_core(),
                        "a refused request has changed something"
                    );
                }
            }
            Effect::Settled(ticket, _) => {
                assert!(
                    self.unsettled.remove(ticket),
                    "{ticket:?} does not wait for a settlement"
                );
            }
            Effect::Finish => self.check_finish(),
            Effect::Announce(notice) => self.reach(news(&notice.news)),
            Effect::Store { .. } => {}
        }
        self.world.perform(effect);
    }

    // ---- the daemon dies and comes back ----

    fn crash(&mut self) {
        self.tell(|| "the daemon is killed".to_owned());
        self.reach("the daemon was killed");
        self.lose_writes();
        self.world.crash();
        self.come_back();
    }

    /// Some of the writes under way reach the disk, none is heard of.
    fn lose_writes(&mut self) {
        for _ in 0..self.rng.below(1 + self.world.disk.waiting() as u64) {
            self.world.disk.commit_unheard();
        }
    }

    fn begin_again(&mut self) {
        self.tell(|| "the daemon has ended".to_owned());
        self.world.disk.broken = None;
        while self.world.disk.waiting() > 0 {
            self.world.disk.commit_unheard();
        }
        self.world.crash();
        self.come_back();
    }

    fn come_back(&mut self) {
        // Life goes on while no daemon is there.
        while self.rng.one_in(2) {
            if let Some(id) = self.rng.pick(&self.world.linux.alive()) {
                self.world.linux.die(*id, self.rng.exit());
            }
            if let Some(id) = self.rng.pick(&self.world.linux.present()) {
                self.world.linux.children_end(*id);
            }
        }
        let time = self.rng.time();
        self.world.jump_to(self.world.now.mono + time);
        let stored: Vec<_> = self.world.disk.records.values().cloned().collect();
        self.check_survived(&stored.iter().map(|r| (r.id, Expected::of(r))).collect());
        self.check_groups_survived();
        self.world.restore();
        self.check_restored(&stored);
        let groups: Vec<_> = self.world.core.groups().into_iter().map(|(group, _)| group).collect();
        self.model.follow(&stored, &groups);
        self.unanswered.clear();
        self.unsettled.clear();
        self.withdrawn.clear();
        self.end = End::Open;
        self.tell(|| format!("a daemon comes back to {:?}", self.model.processes.keys()));
    }

    pub(crate) fn group_names(&self) -> BTreeMap<u32, Name> {
        let mut names: BTreeMap<u32, Name> = self
            .world
            .disk
            .groups
            .values()
            .map(|group| (group.id.0, group.name.clone()))
            .collect();
        names.extend(
            self.world
                .core
                .groups()
                .into_iter()
                .map(|(group, _)| (group.id.0, group.name)),
        );
        names
    }

    // ---- how it ends ----

    /// The disk works, programs behave, and time passes: everything must fall into place.
    pub(crate) fn come_to_rest(&mut self) {
        self.tell(|| "all is well from now on".to_owned());
        self.world.disk.broken = None;
        for habits in self.world.linux.habits.values_mut() {
            *habits = Habits::default();
        }
        for _ in 0..4_000 {
            if !self.world.effects.is_empty() {
                self.perform();
            } else if self.world.finished {
                self.begin_again();
            } else if !self.world.inbox.is_empty() {
                self.handle_next();
            } else if self.world.disk.waiting() > 0 {
                self.answer();
            } else if let Some(id) = self.world.linux.stuck().first() {
                let seen = self.world.linux.release(*id);
                self.world.inbox.extend(seen.into_iter().map(Event::Observed));
            } else if self.world.core.next_deadline().is_some() || self.world.linux.next_death().is_some() {
                self.pass(secs(60));
            } else {
                return self.check_rest();
            }
        }
        panic!("it does not come to rest");
    }
}
