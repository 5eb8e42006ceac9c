//! A daemon that comes back: what the store remembers, held against what the kernel has.

use super::children::Children;
use pmon3_linux::poll::Poller;
use pmon3_linux::tree::Survivor;
use pmon3_supervisor::{Exit, Found, Group, Id, Live, Now, Policy, Record, Run, Supervisor};
use std::collections::BTreeMap;

/// Finds out what is left of each process, takes over what lives, and makes the supervisor.
pub(crate) fn restore(
    now: Now,
    policy: Policy,
    records: Vec<Record>,
    groups: Vec<Group>,
    children: &mut Children,
    poller: &Poller,
) -> (Supervisor, Vec<pmon3_supervisor::Effect>) {
    let mut survivors = children.survivors(&records);
    let remembered = records
        .into_iter()
        .map(|record| {
            let left = survivors.remove(&record.id.0).unwrap_or_default();
            let found = find(&record, left, children, poller);
            (record, found)
        })
        .collect();
    end_strangers(survivors, children);
    Supervisor::restore(now, policy, remembered, groups)
}

fn find(record: &Record, left: Vec<Survivor>, children: &mut Children, poller: &Poller) -> Found {
    let (id, leftovers) = (record.id, !left.is_empty());
    let Some((run, live)) = main_process(record, left) else {
        let exit = record.live.is_some().then_some(Exit::Unknown);
        return Found::Gone { exit, leftovers };
    };
    match children.adopt(id, run, live.pid, &live.identity, poller) {
        Ok(()) => Found::Alive { run, live },
        // It ended under our eyes.
        Err(exit) => Found::Gone {
            exit: Some(super::policy::exit(exit)),
            leftovers,
        },
    }
}

/// The main process, and which run it is: the one that was remembered, if it is still that one; else a newer one, whose
/// pid the daemon had no time to write down.
fn main_process(record: &Record, left: Vec<Survivor>) -> Option<(Run, Live)> {
    if let Some(live) = &record.live
        && pmon3_linux::identity::is_still(live.pid, &live.identity)
    {
        // No run begins before the one before it has ended: there is no newer one.
        return Some((record.run, live.clone()));
    }
    // Where a pid is remembered, its run has ended, and what bears its number is what it left behind.
    let first_unknown = match record.live {
        Some(_) => record.run.next(),
        None => record.run,
    };
    // Anybody can write a mark into the environment of a program of their own.
    let is_trusted = |survivor: &Survivor| survivor.in_leaf || survivor.uid == record.spec.user.uid;
    left.into_iter()
        .filter(|survivor| survivor.is_main && is_trusted(survivor))
        .filter_map(|survivor| {
            // A program that has overwritten its environment, and that only its cgroup knows, does not tell its run.
            let unmarked = record.live.is_none().then_some(record.run);
            Some((survivor.run.map(Run).or(unmarked)?, survivor))
        })
        .filter(|(run, _)| *run >= first_unknown)
        .max_by_key(|(run, survivor)| (*run, survivor.run.is_some(), std::cmp::Reverse(survivor.started_at)))
        .map(|(run, survivor)| {
            let live = Live {
                pid: survivor.pid,
                identity: survivor.identity,
                started_at: survivor.started_at,
            };
            (run, live)
        })
}

/// Whoever bears our mark and is in no record cannot be supervised, and must not run beside what will be.
fn end_strangers(strangers: BTreeMap<u32, Vec<Survivor>>, children: &mut Children) {
    for (id, left) in strangers {
        let pids: Vec<u32> = left.iter().map(|survivor| survivor.pid).collect();
        log::error!("pids {pids:?} were started as process {id}, which the database does not know: they are ended");
        children.signal(Id(id), pmon3_supervisor::Ask::Kill);
    }
}
