//! A small world that can be driven: the core, a pretend Linux, a pretend disk, and a clock that jumps to whatever
//! comes next instead of waiting for it.
//!
//! It does what the daemon does: one event at a time, its effects in their order, writes in a queue of their own.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "shared by several test binaries, each of which uses its part"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod build;
mod disk;
mod linux;

pub use build::{SpecExt, admin, id_list, name, names, root, spec, user};
pub use disk::Disk;
pub use linux::{Habits, Linux};

use pmon3_supervisor::{
    Accepted, Ask, Caller, Effect, Event, Exit, Found, Id, InitScope, Live, News, Notice, Now, Observation, Policy,
    Problem, Record, Refusal, Request, Selector, Spec, Status, Supervisor, Ticket, View, Which,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Everything there is.
pub struct World {
    pub core: Supervisor,
    pub linux: Linux,
    pub disk: Disk,
    pub now: Now,
    pub policy: Policy,
    /// Effects of the present turn that were not carried out yet.
    pub effects: VecDeque<Effect>,
    /// Events that the core was not told yet.
    pub inbox: VecDeque<Event>,
    pub replies: BTreeMap<Ticket, Result<Accepted, Refusal>>,
    pub settled: BTreeMap<Ticket, Vec<Problem>>,
    pub news: Vec<Notice>,
    /// Logs that were removed.
    pub removed_logs: Vec<String>,
    /// Effects in the order in which they were carried out.
    pub done: Vec<Effect>,
    keep_done: bool,
    /// Linux takes its time to say that something was started: until `starts_are_seen`.
    pub slow_starts: bool,
    held: VecDeque<Event>,
    pub finished: bool,
    next_ticket: u64,
}

/// The contract's defaults, for a daemon of root; dependencies need no head start.
pub fn policy() -> Policy {
    Policy {
        owner: 0,
        admin_gids: vec![50],
        stop_on_shutdown: true,
        restart_delay: Duration::from_millis(100),
        restart_delay_max: Duration::from_secs(10),
        stop_timeout: Duration::from_secs(10),
        dependency_wait: Duration::ZERO,
        flap: None,
    }
}

impl World {
    pub fn new() -> World {
        World::with(policy())
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "a pretend clock needs some instant to begin with; std has none"
    )]
    pub fn with(policy: Policy) -> World {
        // Not the very beginning of time: programs may have been started before the daemon.
        let now = Now {
            mono: Instant::now() + Duration::from_secs(1_000_000),
            wall: SystemTime::UNIX_EPOCH,
        };
        let now = Now {
            wall: now.wall + Duration::from_secs(1_700_000_000),
            ..now
        };
        World {
            core: Supervisor::new(policy.clone()),
            linux: Linux::default(),
            disk: Disk::default(),
            now,
            policy,
            effects: VecDeque::new(),
            inbox: VecDeque::new(),
            replies: BTreeMap::new(),
            settled: BTreeMap::new(),
            news: Vec::new(),
            removed_logs: Vec::new(),
            done: Vec::new(),
            keep_done: true,
            slow_starts: false,
            held: VecDeque::new(),
            finished: false,
            next_ticket: 1,
        }
    }

    /// Keeps no list of what was done: a long life would not fit into memory.
    pub fn forgetful(mut self) -> World {
        self.keep_done = false;
        self
    }

    // ---- what moves it ----

    /// The core is told this event, and its effects wait to be carried out.
    pub fn handle(&mut self, event: Event) {
        assert!(
            self.effects.is_empty(),
            "the effects of one turn come before the next turn"
        );
        if let Event::Observed(observation) = &event {
            self.linux.was_told(observation);
        }
        self.effects.extend(self.core.handle(self.now, event));
    }

    /// Carries out one effect.
    pub fn perform(&mut self, effect: Effect) {
        if self.keep_done {
            self.done.push(effect.clone());
        }
        match effect {
            Effect::Store {
                write,
                changes,
                durable,
            } => self.disk.ask(write, changes, durable),
            Effect::Spawn(id, run, spec) => {
                let seen = self.linux.spawn(self.now, id, run, &spec);
                if self.slow_starts {
                    self.held.push_back(Event::Observed(seen));
                } else {
                    self.inbox.push_front(Event::Observed(seen));
                }
            }
            Effect::Signal(id, run, ask) => {
                let seen = self.linux.signal(id, run, ask);
                self.inbox.extend(seen.into_iter().map(Event::Observed));
            }
            Effect::RemoveLog(spec) => self.removed_logs.push(spec.log.clone()),
            Effect::Announce(notice) => self.news.push(notice),
            Effect::Reply(ticket, reply) => {
                assert!(
                    self.replies.insert(ticket, reply).is_none(),
                    "{ticket:?} was answered twice"
                );
            }
            Effect::Settled(ticket, problems) => {
                assert!(
                    matches!(self.replies.get(&ticket), Some(Ok(_))),
                    "{ticket:?} was settled but not accepted"
                );
                assert!(
                    self.settled.insert(ticket, problems).is_none(),
                    "{ticket:?} was settled twice"
                );
            }
            Effect::Finish => self.finished = true,
        }
    }

    /// Until nothing happens any more without time passing.
    pub fn drain(&mut self) {
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 1_000_000, "the world does not come to rest");
            if let Some(effect) = self.effects.pop_front() {
                self.perform(effect);
            } else if let Some(event) = self.inbox.pop_front() {
                self.handle(event);
            } else if let Some(answer) = self.disk.answer() {
                self.handle(answer);
            } else {
                return;
            }
        }
    }

    /// Lets this much time pass; deadlines and deaths happen when they are due.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now.mono + time;
        self.drain();
        let mut moments = 0;
        while let Some(at) = self.next_moment().filter(|at| *at <= end) {
            moments += 1;
            assert!(moments < 1_000_000, "time does not pass");
            self.jump_to(at.max(self.now.mono));
            self.inbox
                .extend(self.linux.deaths_due(self.now.mono).into_iter().map(Event::Observed));
            if self.core.next_deadline().is_some_and(|at| at <= self.now.mono) {
                self.inbox.push_back(Event::Wake);
            }
            self.drain();
        }
        self.jump_to(end);
    }

    fn next_moment(&self) -> Option<Instant> {
        [self.core.next_deadline(), self.linux.next_death()]
            .into_iter()
            .flatten()
            .min()
    }

    pub fn jump_to(&mut self, at: Instant) {
        self.now.wall += at - self.now.mono;
        self.now.mono = at;
    }

    /// The program ends by itself.
    pub fn dies(&mut self, id: Id, exit: Exit) {
        let seen = self.linux.die(id, exit);
        self.inbox.extend(seen.into_iter().map(Event::Observed));
        self.drain();
    }

    /// Linux says at last what it has started.
    pub fn starts_are_seen(&mut self) {
        self.slow_starts = false;
        self.inbox.append(&mut self.held);
        self.drain();
    }

    pub fn shut_down(&mut self) {
        self.inbox.push_back(Event::Shutdown);
        self.drain();
    }

    // ---- a daemon dies and comes back ----

    /// The daemon is killed: what it had not done yet, nobody does. Programs and disk are as they are.
    pub fn crash(&mut self) {
        self.effects.clear();
        self.inbox.clear();
        self.disk.forget_queue();
    }

    /// The machine loses power: no program is left, and of the disk what was written to survive that.
    pub fn lose_power(&mut self, kept_writes: usize) {
        self.crash();
        self.linux.reboot();
        self.disk.lose_power(kept_writes);
    }

    /// A new daemon takes up what there is. Its first effects wait to be carried out.
    pub fn restore(&mut self) {
        let found = self
            .disk
            .records
            .values()
            .map(|record| (record.clone(), self.linux.find(record)))
            .collect();
        let groups = self.disk.groups.values().cloned().collect();
        let (core, effects) = Supervisor::restore(self.now, self.policy.clone(), found, groups);
        self.linux.hand_over(|id| core.current_run(id));
        self.core = core;
        self.effects = effects.into();
        self.finished = false;
    }

    pub fn crash_and_restore(&mut self) {
        self.crash();
        self.restore();
        self.drain();
    }

    // ---- what people ask ----

    pub fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        Ticket(self.next_ticket)
    }

    /// A request comes in; nobody has looked at it yet.
    pub fn send(&mut self, caller: &Caller, request: Request) -> Ticket {
        let ticket = self.ticket();
        self.inbox.push_back(Event::Request(ticket, caller.clone(), request));
        ticket
    }

    /// A request of root, as far as it gets without time passing.
    pub fn ask(&mut self, request: Request) -> Ticket {
        let ticket = self.send(&root(), request);
        self.drain();
        ticket
    }

    pub fn ask_as(&mut self, caller: &Caller, request: Request) -> Result<Accepted, Refusal> {
        let ticket = self.send(caller, request);
        self.drain();
        self.replies[&ticket].clone()
    }

    pub fn accepted(&mut self, request: Request) -> Accepted {
        self.ask_as(&root(), request).unwrap()
    }

    pub fn refused(&mut self, request: Request) -> Refusal {
        self.ask_as(&root(), request).unwrap_err()
    }

    pub fn exec(&mut self, spec: Spec) -> Id {
        self.accepted(Request::Exec(Arc::new(spec))).ids[0]
    }

    pub fn init(&mut self, entries: Vec<Spec>, scope: InitScope) -> Accepted {
        self.accepted(Request::Init {
            entries: entries.into_iter().map(Arc::new).collect(),
            scope,
        })
    }

    pub fn stop(&mut self, id: Id) -> Ticket {
        self.ask(Request::Stop {
            which: these(id),
            force: false,
        })
    }

    pub fn kill(&mut self, id: Id) -> Ticket {
        self.ask(Request::Stop {
            which: these(id),
            force: true,
        })
    }

    pub fn restart(&mut self, id: Id) -> Ticket {
        self.ask(Request::Restart {
            which: these(id),
            force: false,
        })
    }

    pub fn delete(&mut self, id: Id) -> Ticket {
        self.ask(Request::Delete {
            which: these(id),
            force: false,
        })
    }

    // ---- what can be seen ----

    pub fn view(&self, id: Id) -> View {
        self.core
            .view(id)
            .unwrap_or_else(|| panic!("process {id} is not known"))
    }

    pub fn status(&self, id: Id) -> Status {
        self.view(id).status
    }

    pub fn record(&self, id: Id) -> Record {
        self.core.records().into_iter().find(|record| record.id == id).unwrap()
    }

    pub fn live(&self, id: Id) -> Option<Live> {
        self.record(id).live
    }

    /// The problems with which a request was settled; `None` while it is not.
    pub fn problems(&self, ticket: Ticket) -> Option<Vec<String>> {
        let problems = self.settled.get(&ticket)?;
        Some(problems.iter().map(|p| format!("{}: {}", p.name, p.message)).collect())
    }

    pub fn pending(&self, ticket: Ticket) -> Vec<String> {
        self.core
            .pending(self.now, ticket)
            .iter()
            .map(|p| format!("{}: {}", p.name, p.message))
            .collect()
    }

    /// How often Linux was asked to start it.
    pub fn starts(&self, id: Id) -> usize {
        self.linux.spawned.iter().filter(|(other, _)| *other == id).count()
    }

    /// What was sent to it, in order.
    pub fn signals(&self, id: Id) -> Vec<Ask> {
        self.linux
            .signalled
            .iter()
            .filter(|(other, _)| *other == id)
            .map(|(_, ask)| *ask)
            .collect()
    }

    pub fn news_of(&self, id: Id) -> Vec<&News> {
        self.news
            .iter()
            .filter(|notice| notice.id == id)
            .map(|notice| &notice.news)
            .collect()
    }

    /// Names in the order in which Linux was asked to start them.
    pub fn start_sequence(&self) -> Vec<String> {
        self.done
            .iter()
            .filter_map(|effect| match effect {
                Effect::Spawn(_, _, spec) => Some(spec.name.to_string()),
                _ => None,
            })
            .collect()
    }

    /// The disk works: does it hold exactly what is remembered?
    pub fn assert_stored_is_remembered(&self) {
        let stored: Vec<&Record> = self.disk.records.values().collect();
        let remembered = self.core.records();
        assert_eq!(
            stored,
            remembered.iter().collect::<Vec<_>>(),
            "what is stored is not what is remembered"
        );
        let groups: Vec<_> = self.core.groups().into_iter().map(|(group, _)| group).collect();
        assert_eq!(self.disk.groups.values().cloned().collect::<Vec<_>>(), groups);
    }
}

pub fn these(id: Id) -> Which {
    Which::These(vec![Selector::Id(id)])
}

pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A late word, as one thread may have it of another.
pub fn observed(observation: Observation) -> Event {
    Event::Observed(observation)
}

pub type FoundOf = (Record, Found);
