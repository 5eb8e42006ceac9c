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
    let mut survivors = children.survivors();
    let remembered = records
        .into_iter()
        .map(|mut record| {
            let left = survivors.remove(&record.id.0).unwrap_or_default();
            let found = find(&mut record, left, children, poller);
            (record, found)
        })
        .collect();
    end_strangers(survivors, children);
    Supervisor::restore(now, policy, remembered, groups)
}

fn find(record: &mut Record, left: Vec<Survivor>, children: &mut Children, poller: &Poller) -> Found {
    let (id, leftovers) = (record.id, !left.is_empty());
    let Some(live) = main_process(record, left) else {
        let exit = record.live.is_some().then_some(Exit::Unknown);
        return Found::Gone { exit, leftovers };
    };
    match children.adopt(id, record.run, live.pid, &live.identity, poller) {
        Ok(()) => Found::Alive(live),
        // It ended under our eyes.
        Err(exit) => Found::Gone {
            exit: Some(super::policy::exit(exit)),
            leftovers,
        },
    }
}

/// The main process: the one that was remembered, if it is still that one; else a newer one, whose pid the daemon had no
/// time to write down.
fn main_process(record: &mut Record, left: Vec<Survivor>) -> Option<Live> {
    let remembered = record
        .live
        .clone()
        .filter(|live| pmon3_linux::identity::is_still(live.pid, &live.identity));
    let newest = left
        .into_iter()
        .filter(|survivor| survivor.is_leader)
        .filter_map(|survivor| survivor.run.map(|run| (run, survivor)))
        .max_by_key(|(run, _)| *run);
    match newest {
        Some((run, survivor)) if Run(run) > record.run || (remembered.is_none() && Run(run) == record.run) => {
            record.run = Run(run);
            Some(Live {
                pid: survivor.pid,
                identity: survivor.identity,
                started_at: survivor.started_at,
            })
        }
        _ => remembered,
    }
}

/// Whoever bears our mark and is in no record cannot be supervised, and must not run beside what will be.
fn end_strangers(strangers: BTreeMap<u32, Vec<Survivor>>, children: &mut Children) {
    for (id, left) in strangers {
        let pids: Vec<u32> = left.iter().map(|survivor| survivor.pid).collect();
        log::error!("pids {pids:?} were started as process {id}, which the database does not know: they are ended");
        children.signal(Id(id), pmon3_supervisor::Ask::Kill);
    }
}
