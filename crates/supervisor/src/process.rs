//! One process: what is wanted, what is, and what follows from an event.
//!
//! `goal` is what a person asked for; `phase` is what the kernel was seen to do. Neither is ever written for the other.
//!
//! | phase ↓ event → | start, restart | stop, delete, close | started              | spawn failed         | exited                           | tree gone | deadline            |
//! |-----------------|----------------|---------------------|----------------------|----------------------|----------------------------------|-----------|---------------------|
//! | `Resting`       | `Waiting` ¹    | `Resting`           | -                    | -                    | -                                | -         | -                   |
//! | `Waiting`       | `Waiting`      | `Resting`           | -                    | -                    | -                                | -         | *start* ²           |
//! | `Starting`      | - ³            | - ³                 | `Running` or *end* ³ | `Resting`, `Waiting` | -                                | -         | -                   |
//! | `Running`       | *end* ⁴        | *end*               | -                    | -                    | *death*, or SIGKILL to leftovers | -         | -                   |
//! | `Ending`        | `Ending` ⁴     | `Ending`            | -                    | -                    | `Resting`, `Waiting`, or wait    | *gone* ⁵  | SIGKILL, then stuck |
//!
//! `-`: cannot happen, or changes nothing. (`table.rs` holds this table against the code.)
//! - *start*: `Spawn`, become `Starting`. `Waiting` becomes this as soon as all that it depends on runs.
//! - *end*: become `Ending`: SIGTERM when its turn comes (whatever depends on it and is to end too has ended), SIGKILL
//!   after the stop timeout; with force, or at the second order to close, SIGKILL at once.
//! - *gone*: nothing of the run is left. Goal down, gone, or the daemon closes: `Resting`. Goal again: `Waiting`. Goal
//!   up, so that it had ended by itself: *death*.
//! - *death*: *start* at once, or `Waiting` for a delay or for the end of a backoff; without `auto_restart` `Resting`.
//!
//! ¹ Where the daemon is closing it rests, and the next daemon starts it.
//! ² At the end of a head start the supervisor looks at the dependencies again.
//! ³ What was ordered meanwhile happens as soon as Linux has answered.
//! ⁴ A start changes nothing where the goal is up already; a restart makes it *again*.
//! ⁵ Where the end of the main process was seen; else it follows.

use crate::effect::{Ask, Effect, News, Notice};
use crate::event::{Now, Policy, Ticket};
use crate::record::{Exit, Goal, Live, Rest};
use crate::restart::{self, Flap, Verdict};
use crate::spec::{Id, Run, Spec};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long after SIGKILL a process may take to vanish before people are told that it does not.
pub const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// One process.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: Id,
    pub(crate) spec: Arc<Spec>,
    pub(crate) goal: Goal,
    pub(crate) phase: Phase,
    /// The daemon is closing: it ends although its goal is up, and will be up again with the daemon.
    pub(crate) closing: bool,
    /// Whatever of it is to end shall end by SIGKILL at once.
    pub(crate) force: bool,
    /// The newest run.
    pub(crate) run: Run,
    pub(crate) restart_count: u32,
    /// What the next start that succeeds is.
    pub(crate) next: Start,
    /// Short runs in a row.
    pub(crate) short_runs: u32,
    /// Most processes never need one.
    pub(crate) flap: Option<Box<Flap>>,
    pub(crate) last_exit: Option<Exit>,
    pub(crate) last_error: Option<String>,
    pub(crate) started_at: Option<SystemTime>,
    pub(crate) created_at: SystemTime,
    pub(crate) updated_at: SystemTime,
    /// Requests that wait for something to become true of it.
    pub(crate) waiters: BTreeSet<Ticket>,
}

/// Where it is. Each phase owns exactly its own data.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// No run, and none is coming by itself.
    Resting(Rest),
    /// No run, but one is coming.
    Waiting(Wait),
    /// Linux was asked.
    Starting,
    /// Up, and to stay so: the goal is up and the daemon is not closing.
    Running { live: Live, since: Instant },
    /// Going down.
    Ending(Ending),
}

/// What a start waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Something that it depends on does not run: the one at this place of its list, when it was last looked at.
    Dependency(usize),
    /// All that it depends on runs, and has its head start until then.
    HeadStart(Instant),
    /// It ended soon, several times in a row; or the machine had no room for it.
    Delay(Instant),
    /// Flap detection.
    Backoff(Instant),
}

/// A run that is going down.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    pub(crate) main: Main,
    pub(crate) stage: Stage,
}

/// The main process of a run that is going down.
#[derive(Clone, Debug)]
pub(crate) enum Main {
    /// Not seen to end yet.
    Alive { live: Live, since: Instant },
    /// Ended after so long (`None`: the daemon was not there to see); descendants are left.
    Ended { ran: Option<Duration> },
}

/// How far the going down is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Something that depends on it is still there and goes first: this one, when it was last looked at.
    Turn { behind: Option<Id> },
    /// SIGTERM was sent.
    Asked { at: Instant, kill_at: Instant },
    /// SIGKILL was sent.
    Killed { at: Instant, stuck_at: Instant },
    /// SIGKILL did not help: the kernel holds it.
    Stuck,
}

/// What a start is to whoever counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// The first, or the first after a stop: does not count.
    Plain,
    /// A person asked for it while it ran: counts as a restart.
    Restart,
    /// It had ended by itself: counts, also for flap detection.
    Revival,
}

/// The settings and the time of this turn, and where its effects go: what each transition needs.
pub(crate) struct Context<'a> {
    pub(crate) now: Now,
    pub(crate) policy: &'a Policy,
    pub(crate) out: &'a mut Vec<Effect>,
}

// ---- what it is ----

impl Process {
    pub(crate) fn new(id: Id, spec: Arc<Spec>, run: Run, now: Now) -> Process {
        Process {
            id,
            spec,
            goal: Goal::Up,
            phase: Phase::Waiting(Wait::Dependency(0)),
            closing: false,
            force: false,
            run,
            restart_count: 0,
            next: Start::Plain,
            short_runs: 0,
            flap: None,
            last_exit: None,
            last_error: None,
            started_at: None,
            created_at: now.wall,
            updated_at: now.wall,
            waiters: BTreeSet::new(),
        }
    }

    /// The main process, while it is there.
    pub(crate) fn live(&self) -> Option<&Live> {
        match &self.phase {
            Phase::Running { live, .. }
            | Phase::Ending(Ending {
                main: Main::Alive { live, .. },
                ..
            }) => Some(live),
            Phase::Ending(Ending {
                main: Main::Ended { .. },
                ..
            }) => None,
            Phase::Resting(_) | Phase::Waiting(_) | Phase::Starting => None,
        }
    }

    /// Has a run, or is about to: something of it is, or will be, in the kernel.
    pub(crate) fn is_up(&self) -> bool {
        match &self.phase {
            Phase::Starting | Phase::Running { .. } | Phase::Ending(_) => true,
            Phase::Resting(_) | Phase::Waiting(_) => false,
        }
    }

    /// Is to have no run when the present one is gone.
    pub(crate) fn leaves(&self) -> bool {
        self.closing || matches!(self.goal, Goal::Down | Goal::Gone)
    }

    /// Is on its way down for good, so that whatever it depends on and is to end too has to wait for it.
    pub(crate) fn holds_others(&self) -> bool {
        let stuck = matches!(
            &self.phase,
            Phase::Ending(Ending {
                stage: Stage::Stuck,
                ..
            })
        );
        self.leaves() && self.is_up() && !stuck
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting(Wait::HeadStart(at) | Wait::Delay(at) | Wait::Backoff(at)) => Some(*at),
            Phase::Ending(Ending {
                stage: Stage::Asked { kill_at: at, .. },
                ..
            }) => Some(*at),
            Phase::Ending(Ending {
                stage: Stage::Killed { stuck_at: at, .. },
                ..
            }) => Some(*at),
            Phase::Ending(Ending {
                stage: Stage::Turn { .. } | Stage::Stuck,
                ..
            }) => None,
            Phase::Waiting(Wait::Dependency(_)) | Phase::Resting(_) | Phase::Starting | Phase::Running { .. } => None,
        }
    }

    /// The next start is coming, and will count as a restart.
    pub(crate) fn owes_restart(&self) -> bool {
        let is_coming = match &self.phase {
            Phase::Waiting(_) | Phase::Starting => true,
            Phase::Ending(ending) => matches!(ending.main, Main::Ended { .. }) && !self.leaves(),
            Phase::Running { .. } | Phase::Resting(_) => false,
        };
        is_coming && self.next != Start::Plain
    }

    /// Where a process rests that leaves.
    fn rest_when_gone(&self) -> Rest {
        match self.goal {
            Goal::Up => Rest::Closed,
            // The restart that was asked for is still owed.
            Goal::Again => Rest::Fresh,
            Goal::Down | Goal::Gone => Rest::Stopped,
        }
    }

    /// Where it will be when what its main process left behind is gone; `Fresh`: it will be started.
    pub(crate) fn rest_after_end(&self) -> Rest {
        match self.goal {
            _ if self.leaves() => self.rest_when_gone(),
            Goal::Up if !self.spec.auto_restart => Rest::Failed,
            _ => Rest::Fresh,
        }
    }
}

// ---- what people order ----

impl Process {
    /// It shall be up; if it is, nothing changes.
    pub(crate) fn start(&mut self, ctx: &mut Context<'_>) {
        let resting = matches!(self.phase, Phase::Resting(_));
        if resting || matches!(self.goal, Goal::Down) {
            self.restart(false, ctx);
        }
    }

    /// It shall be up, by a new run if there is one.
    pub(crate) fn restart(&mut self, force: bool, ctx: &mut Context<'_>) {
        self.short_runs = 0;
        self.flap = None;
        self.force |= force;
        let was = std::mem::replace(&mut self.goal, Goal::Up);
        match &self.phase {
            Phase::Resting(_) if self.closing => self.phase = Phase::Resting(Rest::Fresh),
            Phase::Resting(_) => {
                self.next = Start::Plain;
                self.phase = Phase::Waiting(Wait::Dependency(0));
            }
            Phase::Waiting(Wait::Delay(_) | Wait::Backoff(_)) => self.phase = Phase::Waiting(Wait::Dependency(0)),
            Phase::Waiting(Wait::Dependency(_) | Wait::HeadStart(_)) | Phase::Starting => {}
            Phase::Running { .. } => {
                self.goal = Goal::Again;
                self.next = Start::Restart;
                self.end(ctx);
            }
            Phase::Ending(_) => {
                self.goal = Goal::Again;
                // A stop that a start overtakes is no restart.
                if was == Goal::Up {
                    self.next = Start::Restart;
                }
                self.hasten(ctx);
            }
        }
    }

    /// It shall have no run, for `goal` down or gone.
    pub(crate) fn stop(&mut self, goal: Goal, force: bool, ctx: &mut Context<'_>) {
        if self.goal != Goal::Gone {
            self.goal = goal;
        }
        self.restart_count = 0;
        self.short_runs = 0;
        self.flap = None;
        self.last_error = None;
        self.next = Start::Plain;
        self.force |= force;
        self.go_down(ctx);
    }

    /// The daemon is closing.
    pub(crate) fn close(&mut self, force: bool, ctx: &mut Context<'_>) {
        self.closing = true;
        self.force |= force;
        self.go_down(ctx);
    }

    fn go_down(&mut self, ctx: &mut Context<'_>) {
        match &self.phase {
            Phase::Resting(_) => {
                if self.rest_when_gone() == Rest::Stopped {
                    self.phase = Phase::Resting(Rest::Stopped);
                }
            }
            // One that was still owed a start when the daemon closed gets it from the next.
            Phase::Waiting(_) if self.goal == Goal::Up => self.phase = Phase::Resting(Rest::Fresh),
            Phase::Waiting(_) => self.rest(ctx),
            Phase::Starting => {} // `started` sees that it leaves
            Phase::Running { .. } => self.end(ctx),
            Phase::Ending(_) => self.hasten(ctx),
        }
    }

    pub(crate) fn reset(&mut self) {
        self.restart_count = 0;
        self.short_runs = 0;
        self.flap = None;
    }
}

// ---- what the kernel did, and the clock ----

impl Process {
    pub(crate) fn started(&mut self, live: Live, ctx: &mut Context<'_>) {
        if !matches!(self.phase, Phase::Starting) {
            return;
        }
        let start = std::mem::replace(&mut self.next, Start::Plain);
        if start != Start::Plain {
            self.restart_count = self.restart_count.saturating_add(1);
        }
        if let (Start::Revival, Some(flap)) = (start, &ctx.policy.flap) {
            self.flap.get_or_insert_default().restarted(ctx.now.mono, flap);
        }
        self.last_error = None;
        self.started_at = Some(live.started_at);
        self.announce(
            News::Started {
                pid: live.pid,
                restart: start != Start::Plain,
            },
            ctx,
        );
        self.run_as(live, ctx.now.mono, ctx);
    }

    /// It runs, as far as that is still wanted.
    pub(crate) fn run_as(&mut self, live: Live, since: Instant, ctx: &mut Context<'_>) {
        self.phase = Phase::Running { live, since };
        if self.leaves() || self.goal == Goal::Again {
            self.end(ctx);
        } else {
            self.force = false;
        }
    }

    pub(crate) fn spawn_failed(&mut self, message: String, transient: bool, ctx: &mut Context<'_>) {
        if !matches!(self.phase, Phase::Starting) {
            return;
        }
        if matches!(self.goal, Goal::Down | Goal::Gone) {
            return self.rest(ctx);
        }
        self.last_error = Some(message.clone());
        self.announce(News::Failed(Some(message)), ctx);
        if !transient {
            self.phase = Phase::Resting(Rest::Failed);
        } else if self.closing {
            self.phase = Phase::Resting(Rest::Fresh);
        } else {
            // No room on the machine is no fault of the program: try until there is.
            self.short_runs = self.short_runs.saturating_add(1).max(2);
            self.delay(restart::delay(self.short_runs, ctx.policy), ctx);
        }
    }

    pub(crate) fn exited(&mut self, exit: Exit, leftovers: bool, ctx: &mut Context<'_>) {
        let (since, by_itself) = match &self.phase {
            Phase::Running { since, .. } => (*since, true),
            Phase::Ending(Ending {
                main: Main::Alive { since, .. },
                ..
            }) => (*since, false),
            Phase::Ending(Ending {
                main: Main::Ended { .. },
                ..
            }) => return,
            Phase::Resting(_) | Phase::Waiting(_) | Phase::Starting => return,
        };
        let ran = ctx.now.mono.saturating_duration_since(since);
        self.last_exit = Some(exit);
        self.announce(News::Ended { exit, ran, by_itself }, ctx);
        self.main_ended(Some(ran), leftovers, ctx);
    }

    /// The main process is not there any more; perhaps descendants are.
    pub(crate) fn main_ended(&mut self, ran: Option<Duration>, leftovers: bool, ctx: &mut Context<'_>) {
        let main = Main::Ended { ran };
        match &mut self.phase {
            _ if !leftovers => self.gone(ran, ctx),
            Phase::Ending(ending) => ending.main = main,
            Phase::Running { .. } | Phase::Starting | Phase::Waiting(_) | Phase::Resting(_) => {
                self.announce(News::Leftovers, ctx);
                self.phase = Phase::Ending(Ending {
                    main,
                    stage: Stage::Turn { behind: None },
                });
                self.kill(ctx);
            }
        }
    }

    pub(crate) fn tree_gone(&mut self, ctx: &mut Context<'_>) {
        if let Phase::Ending(Ending {
            main: Main::Ended { ran },
            ..
        }) = &self.phase
        {
            self.gone(*ran, ctx);
        }
    }

    /// The deadline that [`Process::deadline`] named has come.
    pub(crate) fn wake(&mut self, ctx: &mut Context<'_>) {
        match &mut self.phase {
            Phase::Waiting(Wait::Delay(_)) => self.spawn(ctx),
            Phase::Waiting(Wait::Backoff(_)) => {
                match (&mut self.flap, &ctx.policy.flap) {
                    (Some(flap), Some(policy)) => flap.wake(ctx.now.mono, policy),
                    (flap, None) => *flap = None,
                    (None, Some(_)) => {}
                }
                self.spawn(ctx);
            }
            Phase::Waiting(wait @ Wait::HeadStart(_)) => *wait = Wait::Dependency(0),
            Phase::Ending(Ending {
                stage: Stage::Asked { .. },
                ..
            }) => {
                self.announce(News::Killed, ctx);
                self.kill(ctx);
            }
            Phase::Ending(Ending {
                stage: stage @ Stage::Killed { .. },
                ..
            }) => {
                *stage = Stage::Stuck;
                self.announce(News::Stuck, ctx);
            }
            Phase::Ending(Ending {
                stage: Stage::Turn { .. } | Stage::Stuck,
                ..
            }) => {}
            Phase::Waiting(Wait::Dependency(_)) | Phase::Resting(_) | Phase::Starting | Phase::Running { .. } => {}
        }
    }
}

// ---- what follows ----

impl Process {
    /// Ask Linux for a new run.
    pub(crate) fn spawn(&mut self, ctx: &mut Context<'_>) {
        self.run = self.run.next();
        self.force = false;
        self.phase = Phase::Starting;
        ctx.out.push(Effect::Spawn(self.id, self.run, self.spec.clone()));
    }

    /// Let the run that is go down: in its turn, or at once.
    fn end(&mut self, ctx: &mut Context<'_>) {
        if let Phase::Running { live, since } = &self.phase {
            let main = Main::Alive {
                live: live.clone(),
                since: *since,
            };
            self.phase = Phase::Ending(Ending {
                main,
                stage: Stage::Turn { behind: None },
            });
            self.hasten(ctx);
        }
    }

    fn hasten(&mut self, ctx: &mut Context<'_>) {
        if self.force {
            self.kill(ctx);
        }
    }

    /// Its turn to end has come.
    pub(crate) fn terminate(&mut self, ctx: &mut Context<'_>) {
        if let Phase::Ending(ending) = &mut self.phase {
            let timeout = self.spec.stop_timeout.unwrap_or(ctx.policy.stop_timeout);
            ending.stage = Stage::Asked {
                at: ctx.now.mono,
                kill_at: ctx.now.after(timeout),
            };
            ctx.out.push(Effect::Signal(self.id, self.run, Ask::Terminate));
        }
    }

    fn kill(&mut self, ctx: &mut Context<'_>) {
        if let Phase::Ending(ending) = &mut self.phase {
            ending.stage = Stage::Killed {
                at: ctx.now.mono,
                stuck_at: ctx.now.after(KILL_PATIENCE),
            };
            ctx.out.push(Effect::Signal(self.id, self.run, Ask::Kill));
        }
    }

    /// Nothing of the run is left; its main process had run for so long, if anybody saw.
    fn gone(&mut self, ran: Option<Duration>, ctx: &mut Context<'_>) {
        match self.goal {
            _ if self.leaves() => self.rest(ctx),
            Goal::Up => self.died(ran, ctx),
            Goal::Again | Goal::Down | Goal::Gone => {
                self.goal = Goal::Up;
                self.phase = Phase::Waiting(Wait::Dependency(0));
            }
        }
    }

    /// It ended by itself, nothing of it is left: what now?
    fn died(&mut self, ran: Option<Duration>, ctx: &mut Context<'_>) {
        if !self.spec.auto_restart {
            self.phase = Phase::Resting(Rest::Failed);
            return self.announce(News::Failed(None), ctx);
        }
        self.next = Start::Revival;
        let Some(ran) = ran else {
            // A daemon that comes back starts everything in the order of the dependencies.
            self.phase = Phase::Waiting(Wait::Dependency(0));
            return;
        };
        self.short_runs = if ran < restart::SHORT_RUN {
            self.short_runs.saturating_add(1)
        } else {
            0
        };
        if let Some(policy) = &ctx.policy.flap {
            let verdict = self.flap.get_or_insert_default().ended(ctx.now.mono, policy);
            if let Verdict::Hold { wake, entered } = verdict {
                if entered {
                    self.announce(News::Backoff(policy.countdown), ctx);
                }
                self.phase = Phase::Waiting(Wait::Backoff(wake));
                return;
            }
        }
        match restart::delay(self.short_runs, ctx.policy) {
            Duration::ZERO => self.spawn(ctx),
            delay => self.delay(delay, ctx),
        }
    }

    fn delay(&mut self, delay: Duration, ctx: &mut Context<'_>) {
        self.announce(News::Delayed(delay), ctx);
        self.phase = Phase::Waiting(Wait::Delay(ctx.now.after(delay)));
    }

    /// It has no run, and shall have none.
    fn rest(&mut self, ctx: &mut Context<'_>) {
        self.phase = Phase::Resting(self.rest_when_gone());
        self.force = false;
        if self.goal == Goal::Again {
            self.goal = Goal::Up;
        }
        self.announce(News::Stopped, ctx);
    }

    pub(crate) fn announce(&self, news: News, ctx: &mut Context<'_>) {
        ctx.out.push(Effect::Announce(Notice {
            id: self.id,
            name: self.spec.name.clone(),
            news,
        }));
    }
}
