//! Trees where no cgroup can be had: by session, process group, descent, and a mark in the environment.

use super::{MARK, Mark};
use crate::identity;
use crate::proc::{self, Stat};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// What is known of the trees of one daemon.
#[derive(Debug)]
pub(super) struct Sessions {
    instance: String,
    /// The numbers of main processes, which name their sessions and groups. The kernel gives such a number to nobody
    /// while anyone is in that session or group; a number that is free again is told by the start time.
    leaders: BTreeMap<u32, BTreeMap<u32, u64>>,
    /// Members that were seen, by number and time of start: also when what made them members is gone by now.
    seen: BTreeMap<u32, BTreeMap<u32, u64>>,
}

impl Sessions {
    pub(super) fn new(instance: &str) -> Sessions {
        Sessions {
            instance: instance.to_owned(),
            leaders: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    pub(super) fn started(&mut self, id: u32, main: u32) {
        let Ok(stat) = proc::stat(main) else { return };
        self.leaders.entry(id).or_default().insert(main, stat.start_ticks);
    }

    pub(super) fn forget(&mut self, id: u32) {
        self.leaders.remove(&id);
        self.seen.remove(&id);
    }

    /// All members that are alive, with their times of start. One look at all processes there are.
    pub(super) fn members(&self, id: u32) -> BTreeMap<u32, u64> {
        let all: BTreeMap<u32, Stat> = proc::pids()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|pid| Some((pid, proc::stat(pid).ok()?)))
            .collect();
        let leaders = self.leaders.get(&id);
        let seen = self.seen.get(&id);
        let own = std::process::id();
        let leads = |number: u32, member: &Stat| {
            let Some(start) = leaders.and_then(|leaders| leaders.get(&number)) else {
                return false;
            };
            // Whoever is in the session came after its leader; a later process with the number made another session.
            let taken = all.get(&number).is_some_and(|stat| stat.start_ticks != *start);
            !taken && member.start_ticks >= *start
        };
        let is_marked = |pid: u32| {
            proc::variable(pid, MARK)
                .and_then(|mark| Mark::parse(&mark))
                .is_some_and(|mark| mark.instance == self.instance && mark.id == id)
        };
        let mut members: BTreeSet<u32> = all
            .iter()
            .filter(|(pid, stat)| {
                leads(stat.session, stat)
                    || leads(stat.group, stat)
                    || seen.and_then(|seen| seen.get(pid)) == Some(&stat.start_ticks)
                    || is_marked(**pid)
            })
            .map(|(pid, _)| *pid)
            .collect();
        // And all that descend from them. We are above all trees and in none.
        members.remove(&own);
        loop {
            let children: Vec<u32> = all
                .iter()
                .filter(|(pid, stat)| **pid != own && members.contains(&stat.ppid) && !members.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if children.is_empty() {
                break;
            }
            members.extend(children);
        }
        members
            .into_iter()
            .filter_map(|pid| {
                all.get(&pid)
                    .filter(|stat| !stat.is_dead())
                    .map(|stat| (pid, stat.start_ticks))
            })
            .collect()
    }

    pub(super) fn terminate(&mut self, id: u32) -> io::Result<()> {
        let members = self.members(id);
        // Their parents may be gone when the time of SIGKILL comes, and with them what makes them members.
        self.seen.insert(id, members.clone());
        signal_all(&members, &[Signal::TERM, Signal::CONT])
    }

    pub(super) fn kill(&mut self, id: u32) -> io::Result<()> {
        let mut result = Ok(());
        // Whoever was killed makes no more children: with each look fewer can be new, and at last none is.
        let mut killed: BTreeMap<u32, u64> = BTreeMap::new();
        loop {
            let members = self.members(id);
            let new: BTreeMap<u32, u64> = members
                .into_iter()
                .filter(|(pid, start)| killed.get(pid) != Some(start))
                .collect();
            if new.is_empty() {
                break;
            }
            result = signal_all(&new, &[Signal::KILL]).and(result);
            killed.extend(&new);
            self.seen.entry(id).or_default().extend(new);
        }
        result
    }
}

fn signal_all(members: &BTreeMap<u32, u64>, signals: &[Signal]) -> io::Result<()> {
    let mut result = Ok(());
    for (pid, start) in members {
        let Ok(pidfd) = identity::open(*pid) else { continue };
        // The descriptor is held: if the number is still that process now, the descriptor is that process's.
        if !proc::stat(*pid).is_ok_and(|stat| stat.start_ticks == *start) {
            continue;
        }
        for signal in signals {
            match pidfd_send_signal(&pidfd, *signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(error) => {
                    result = Err(io::Error::new(
                        io::Error::from(error).kind(),
                        format!("pid {pid}: {error}"),
                    ))
                }
            }
        }
    }
    result
}
