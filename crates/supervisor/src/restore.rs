//! A daemon that comes back: what it remembered, held against what is there.

use crate::effect::{Effect, News};
use crate::event::{Now, Policy};
use crate::order::{self, Graph};
use crate::process::{Context, Phase, Process, Start, Wait};
use crate::record::{Exit, Goal, Group, Live, Record, Rest};
use crate::saving::Key;
use crate::spec::{Name, Run, Spec};
use crate::supervisor::{Supervisor, Turn};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// What the Linux room found of a process that the store remembers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its main process lives, and is watched from now on. Also where the store knew no pid, because the daemon died
    /// between the spawn and the write, and its cgroup or its mark told.
    Alive {
        /// Which run it is; the same or a newer one than the store knew. What the kernel tells of it bears this number.
        run: Run,
        /// Its main process.
        live: Live,
    },
    /// It has no main process (any more).
    Gone {
        /// How its newest run ended; `None` where the store says that no run was under way.
        exit: Option<Exit>,
        /// Descendants of it are still there.
        leftovers: bool,
    },
}

impl Supervisor {
    /// Takes up what an earlier daemon left: adopts what lives, lets that end which was to end, starts what was to run.
    ///
    /// | goal ↓ found → | alive               | gone, a run was under way      | gone, no run was under way            |
    /// |----------------|---------------------|--------------------------------|---------------------------------------|
    /// | up             | adopted             | ended by itself: by its policy | closed, fresh: started; else: as it is |
    /// | again          | end, start ¹        | start                          | start                                 |
    /// | down           | end                 | stopped                        | stopped                               |
    /// | gone           | end, forget         | forget                         | forget                                |
    ///
    /// Whatever its main process left behind is killed before. A process that closed with the daemon and is not to be
    /// restarted by itself stays closed. ¹ Where this is a newer run than the store knew, the restart was done.
    #[must_use = "an effect that is dropped is a promise broken"]
    pub fn restore(
        now: Now,
        policy: Policy,
        records: Vec<(Record, Found)>,
        groups: Vec<Group>,
    ) -> (Supervisor, Vec<Effect>) {
        let mut supervisor = Supervisor::new(policy);
        let mut turn = Turn::new(now);
        groups.into_iter().for_each(|group| supervisor.groups.insert(group));
        let mut cut = cut_cycles(&records);
        for (record, found) in records {
            let mut process = remembered(&record);
            if let Some((spec, error)) = cut.remove(&record.spec.name) {
                process.spec = Arc::new(spec);
                process.last_error = Some(error);
            }
            let mut ctx = turn.context(&supervisor.policy);
            match found {
                Found::Alive { run, live } => adopt(&mut process, record.live.as_ref(), run, live, &mut ctx),
                Found::Gone { exit, leftovers } => bury(&mut process, record.live.as_ref(), exit, leftovers, &mut ctx),
            }
            supervisor.make_groups(&process, &mut turn);
            turn.work.insert(process.id);
            if process.record() != record {
                turn.dirty.insert(Key::Process(process.id));
            }
            supervisor.known.insert(process);
        }
        let effects = supervisor.finish_turn(turn);
        (supervisor, effects)
    }

    /// A group that a process is in and that is not there. The store does not leave one; a hand might.
    fn make_groups(&mut self, process: &Process, turn: &mut Turn) {
        // One that is being deleted may remember groups that were deleted after it.
        for name in process.spec.groups.iter().filter(|_| process.goal != Goal::Gone) {
            if self.groups.has(name) {
                continue;
            }
            if let Some(id) = self.groups.free_ids().next() {
                self.groups.insert(Group {
                    id,
                    name: name.clone(),
                    created_at: turn.now.wall,
                });
                turn.dirty.insert(Key::Group(id));
            }
        }
    }
}

/// The process as the store had it, before anybody looked at the kernel.
fn remembered(record: &Record) -> Process {
    Process {
        id: record.id,
        spec: record.spec.clone(),
        goal: record.goal,
        phase: Phase::Resting(record.rest),
        closing: false,
        force: false,
        run: record.run,
        restart_count: record.restart_count,
        next: Start::Plain,
        short_runs: 0,
        flap: None,
        last_exit: record.last_exit,
        last_error: record.last_error.clone(),
        started_at: record.live.as_ref().map(|live| live.started_at),
        created_at: record.created_at,
        updated_at: record.updated_at,
        waiters: BTreeSet::new(),
    }
}

fn adopt(process: &mut Process, stored: Option<&Live>, run: Run, live: Live, ctx: &mut Context<'_>) {
    if stored.is_none_or(|stored| stored.identity != live.identity) {
        // The daemon died between a spawn and its write.
        if process.goal == Goal::Again {
            process.goal = Goal::Up;
        }
        // A start that was owed is in the stored count already.
        let newer = run.0.saturating_sub(process.run.0);
        let restarts = newer.saturating_sub(u64::from(stored.is_none()));
        let restarts = u32::try_from(restarts).unwrap_or(u32::MAX);
        process.restart_count = process.restart_count.saturating_add(restarts);
    }
    process.run = run.max(process.run);
    process.started_at = Some(live.started_at);
    process.announce(News::Adopted { pid: live.pid }, ctx);
    if process.goal == Goal::Again {
        process.next = Start::Restart;
    }
    let since = started(&live, ctx.now);
    process.run_as(live, since, ctx);
}

/// When it was started, on the clock that does not jump, as far as the other one can tell.
fn started(live: &Live, now: Now) -> Instant {
    let age = now.wall.duration_since(live.started_at).unwrap_or_default();
    now.mono.checked_sub(age).unwrap_or(now.mono)
}

fn bury(process: &mut Process, stored: Option<&Live>, exit: Option<Exit>, leftovers: bool, ctx: &mut Context<'_>) {
    if let Some(live) = stored {
        let exit = exit.unwrap_or(Exit::Unknown);
        process.last_exit = Some(exit);
        let ran = ctx.now.wall.duration_since(live.started_at).unwrap_or_default();
        process.announce(
            News::Ended {
                exit,
                ran,
                by_itself: process.goal == Goal::Up,
            },
            ctx,
        );
    }
    if process.goal == Goal::Again && stored.is_some() {
        process.next = Start::Restart;
    }
    if leftovers || stored.is_some() {
        process.main_ended(None, leftovers, ctx);
    } else {
        rest_or_start(process);
    }
}

/// There was no run, and there is none.
fn rest_or_start(process: &mut Process) {
    let Phase::Resting(rest) = process.phase else { return };
    process.phase = match process.goal {
        Goal::Down | Goal::Gone => Phase::Resting(Rest::Stopped),
        Goal::Up if rest == Rest::Failed || (rest == Rest::Closed && !process.spec.auto_restart) => return,
        Goal::Up | Goal::Again => Phase::Waiting(Wait::Dependency(0)),
    };
    if process.goal == Goal::Again {
        process.goal = Goal::Up;
    }
}

/// Dependencies in a circle would wait for one another for ever. No request makes one; a store that was taken over, or
/// edited, may hold one: each is cut where it was found, and says so.
fn cut_cycles(records: &[(Record, Found)]) -> BTreeMap<Name, (Spec, String)> {
    let mut cut: BTreeMap<Name, (Spec, String)> = BTreeMap::new();
    loop {
        let mut graph: Graph<'_> = records
            .iter()
            .map(|(r, _)| (&r.spec.name, r.spec.dependencies.as_slice()))
            .collect();
        graph.extend(cut.iter().map(|(name, (spec, _))| (name, spec.dependencies.as_slice())));
        let Some(circle) = order::cycle(&graph) else { return cut };
        let [from, to, ..] = circle.as_slice() else { return cut };
        let Some((record, _)) = records.iter().find(|(record, _)| record.spec.name == *from) else {
            return cut;
        };
        let path: Vec<&str> = circle.iter().map(Name::as_str).collect();
        let error = format!(
            "its dependency on `{to}` was dropped: it closed a cycle: {}",
            path.join(" -> ")
        );
        let (mut spec, _) = cut
            .remove(from)
            .unwrap_or_else(|| (Spec::clone(&record.spec), String::new()));
        spec.dependencies.retain(|name| name != to);
        cut.insert(from.clone(), (spec, error));
    }
}
