//! Trees where no cgroup can be had: by session, process group, descent, and a mark in the environment.
//!
//! We are the subreaper of all that we start: a process whose parent ends becomes our child, in the same instant in which
//! that parent counts as ended. So each living member of a tree of ours is a child of ours or hangs below one, and whether
//! a tree is empty can be read off the list of our children: main processes, of which we know whose they are, and orphans,
//! which are few and are asked for their mark, session and process group.
//!
//! What a daemon before us started does not hang below us. Its members are searched among all processes, and remembered
//! by number and time of start, as what made them members may end before they do.

use super::Mark;
use crate::identity;
use crate::proc::{self, Stat};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, pidfd_send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{Duration, Instant};

/// How long [`Sessions::kill`] runs after a tree that multiplies: the daemon has others to look after.
const CHASE: Duration = Duration::from_millis(100);

/// How often [`Sessions::is_empty`] looks again because somebody ended under its eyes.
const ROUNDS: usize = 20;

/// Processes by number, with their times of start, which tell them from later ones with the same number.
type Starts = BTreeMap<u32, u64>;

/// What is known of the trees of one daemon.
#[derive(Debug)]
pub(super) struct Sessions {
    instance: String,
    trees: BTreeMap<u32, Tree>,
    /// Our children that are main processes, and whose.
    mains: BTreeMap<u32, u32>,
    /// Whether orphans come to us, and the kernel lists our children.
    are_below_us: bool,
}

#[derive(Debug, Default)]
struct Tree {
    main: Option<u32>,
    /// Processes that name a session or group of this tree.
    leaders: Starts,
    /// Members that were seen, also when what made them members is gone by now.
    seen: Starts,
    /// Members do not all hang below us.
    is_adopted: bool,
}

impl Sessions {
    pub(super) fn new(instance: &str) -> Sessions {
        let is_subreaper = rustix::process::child_subreaper().is_ok_and(|reaper| reaper.is_some());
        Sessions {
            instance: instance.to_owned(),
            trees: BTreeMap::new(),
            mains: BTreeMap::new(),
            are_below_us: is_subreaper && proc::children().is_ok(),
        }
    }

    /// A new tree begins with this child of ours. Of the one before it nothing is left to remember.
    pub(super) fn started(&mut self, id: u32, main: u32) {
        self.forget(id);
        let mut tree = Tree {
            main: Some(main),
            ..Tree::default()
        };
        if let Ok(stat) = proc::stat(main) {
            tree.leaders.insert(main, stat.start_ticks);
        }
        self.trees.insert(id, tree);
        self.mains.insert(main, id);
    }

    /// These are members, and do not hang below us.
    pub(super) fn adopt(&mut self, id: u32, members: &[u32]) {
        let tree = self.trees.entry(id).or_default();
        tree.is_adopted = true;
        for pid in members {
            let Ok(stat) = proc::stat(*pid) else { continue };
            tree.seen.insert(*pid, stat.start_ticks);
            if stat.session == *pid {
                tree.leaders.insert(*pid, stat.start_ticks);
            }
        }
        let members = self.members(id);
        self.remember(id, members);
    }

    pub(super) fn forget(&mut self, id: u32) {
        if let Some(main) = self.trees.remove(&id).and_then(|tree| tree.main) {
            self.mains.remove(&main);
        }
    }

    fn remember(&mut self, id: u32, members: Starts) {
        let tree = self.trees.entry(id).or_default();
        tree.seen = members;
    }

    pub(super) fn is_empty(&mut self, id: u32) -> bool {
        if !self.are_below_us || self.trees.get(&id).is_none_or(|tree| tree.is_adopted) {
            // A member that ended while we looked may have left a child that was not there when we began to look.
            return self.members(id).is_empty() && self.members(id).is_empty();
        }
        // Children of ours that had ended before the present list was made, or are of other trees.
        let mut others = BTreeSet::new();
        for _ in 0..ROUNDS {
            let Ok(children) = proc::children() else { return false };
            self.drop_main_that_was_reaped(id, &children);
            let mut is_certain = true;
            for pid in children {
                if others.contains(&pid) {
                    continue;
                }
                match self.look_at(id, pid) {
                    Look::Member => return false,
                    Look::Stranger => drop(others.insert(pid)),
                    // It may have been alive, and a member, when the list was made; whom it left is on the next one.
                    Look::Dead | Look::Lost => {
                        others.insert(pid);
                        is_certain = false;
                    }
                    Look::Ending => is_certain = false,
                }
            }
            if is_certain {
                return true;
            }
        }
        // There is always somebody new, and never for long enough to see whose he is.
        false
    }

    /// Its number may be given to anybody from now on.
    fn drop_main_that_was_reaped(&mut self, id: u32, children: &[u32]) {
        let Some(tree) = self.trees.get_mut(&id) else { return };
        if let Some(main) = tree.main.take_if(|main| !children.contains(main)) {
            self.mains.remove(&main);
        }
    }

    /// Whether a child of ours is a member of a tree.
    fn look_at(&self, id: u32, pid: u32) -> Look {
        let owner = self.mains.get(&pid);
        if owner.is_some_and(|owner| *owner != id) {
            return Look::Stranger;
        }
        let Some(stat) = proc::stat(pid).ok().filter(|stat| !stat.is_dead()) else {
            return Look::Dead;
        };
        let tree = self.trees.get(&id);
        if owner.is_some()
            || tree.is_some_and(|tree| tree.has_seen(pid, &stat) || tree.is_named_by(&stat))
            || self.is_marked(id, pid)
        {
            return Look::Member;
        }
        // A process on its way out has no environment any more: then its mark could not be read, and who knows whose it was.
        match proc::stat(pid) {
            Ok(now) if now.is_dead() => Look::Lost,
            Ok(now) if now.is_ending() => Look::Ending,
            Ok(_) => Look::Stranger,
            Err(_) => Look::Lost,
        }
    }

    fn is_marked(&self, id: u32, pid: u32) -> bool {
        Mark::of(pid, &self.instance).is_some_and(|mark| mark.id == id)
    }

    /// All members that are alive. A look at all processes there are.
    pub(super) fn members(&self, id: u32) -> Starts {
        let none = Tree::default();
        let tree = self.trees.get(&id).unwrap_or(&none);
        let own = std::process::id();
        let mut all: BTreeMap<u32, Stat> = proc::pids()
            .unwrap_or_default()
            .into_iter()
            .filter_map(|pid| Some((pid, proc::stat(pid).ok()?)))
            .collect();
        // We are above all trees, and in none, even if a program of ours has started us.
        all.remove(&own);
        let (sessions, groups) = tree.numbers_in_use(&all);
        let is_member = |pid: u32, stat: &Stat| {
            sessions.contains(&stat.session)
                || groups.contains(&stat.group)
                || tree.has_seen(pid, stat)
                || (stat.ppid == own && tree.is_named_by(stat))
                || self.is_marked(id, pid)
        };
        let mut members: BTreeSet<u32> = all
            .iter()
            .filter(|(pid, stat)| self.mains.get(pid).is_none_or(|owner| *owner == id) && is_member(**pid, stat))
            .map(|(pid, _)| *pid)
            .collect();
        // And all that descend from them.
        loop {
            let children: Vec<u32> = all
                .iter()
                .filter(|(pid, stat)| members.contains(&stat.ppid) && !members.contains(pid))
                .map(|(pid, _)| *pid)
                .collect();
            if children.is_empty() {
                break;
            }
            members.extend(children);
        }
        all.into_iter()
            .filter(|(pid, stat)| members.contains(pid) && !stat.is_dead())
            .map(|(pid, stat)| (pid, stat.start_ticks))
            .collect()
    }

    pub(super) fn terminate(&mut self, id: u32) -> io::Result<()> {
        let members = self.members(id);
        // Their parents may be gone when the time of SIGKILL comes, and with them what makes them members.
        self.remember(id, members.clone());
        signal_all(&members, &[Signal::TERM, Signal::CONT])
    }

    pub(super) fn kill(&mut self, id: u32) -> io::Result<()> {
        let mut result = Ok(());
        let mut killed = Starts::new();
        let end = Instant::now() + CHASE;
        loop {
            // All of them first, before the death of one hides what tells of another.
            let mut new = self.members(id);
            new.retain(|pid, start| killed.get(pid) != Some(start));
            let is_calm = new.is_empty();
            result = signal_all(&new, &[Signal::KILL]).and(result);
            killed.append(&mut new);
            // Also when nobody was found: whoever runs away is overlooked just so.
            self.chase(id, end);
            if is_calm || Instant::now() >= end {
                break;
            }
        }
        // Those that could not be killed stay members.
        self.trees.entry(id).or_default().seen.extend(killed);
        result
    }

    /// Kills a program that runs from us by forking and ending. It is never where the look at all processes has found it,
    /// but with each step it comes to us as an orphan, at the end of the list of our children; and nobody but we can
    /// free the number of a child, so that it needs no more care than a look at whose it is.
    fn chase(&self, id: u32, end: Instant) {
        let mut done = BTreeSet::new();
        let mut dying: Vec<u32> = Vec::new();
        while Instant::now() < end {
            let before = dying.len();
            dying.retain(|pid| proc::stat(*pid).is_ok_and(|stat| !stat.is_dead()));
            let mut has_moved = dying.len() < before;
            for pid in proc::orphans().unwrap_or_default().into_iter().rev() {
                if !done.insert(pid) {
                    break;
                }
                match self.look_at(id, pid) {
                    Look::Member => {
                        kill(pid);
                        dying.push(pid);
                    }
                    Look::Ending => dying.push(pid),
                    Look::Dead | Look::Lost => has_moved = true,
                    Look::Stranger => {}
                }
            }
            if !has_moved && dying.is_empty() {
                break;
            }
            if !has_moved {
                // Whom they leave behind comes when they are gone, for which they may need this very CPU.
                std::thread::yield_now();
            }
        }
    }
}

/// What a look at a child of ours has shown.
enum Look {
    Member,
    Stranger,
    Dead,
    /// Alive, but without an environment any more.
    Ending,
    /// Alive, and then dead before it was known whose it was.
    Lost,
}

fn kill(child: u32) {
    if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::KILL);
    }
}

impl Tree {
    fn has_seen(&self, pid: u32, stat: &Stat) -> bool {
        self.seen.get(&pid) == Some(&stat.start_ticks)
    }

    /// Whether a process, known to hang below us, is in a session or group of this tree.
    fn is_named_by(&self, stat: &Stat) -> bool {
        [stat.session, stat.group].iter().any(|number| {
            self.leaders.get(number).is_some_and(|start| {
                // A later process with that number has made another session.
                *start <= stat.start_ticks && proc::stat(*number).map_or(true, |now| now.start_ticks == *start)
            })
        })
    }

    /// The sessions and groups of which it is sure that they are still those of this tree. The kernel gives a number to
    /// nobody while it is that of a process, a session or a group: if the leader is there, or anybody who was in it
    /// before, it has been in use all the time.
    fn numbers_in_use(&self, all: &BTreeMap<u32, Stat>) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let (mut sessions, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for (pid, start) in self.leaders.iter().chain(&self.seen) {
            let Some(stat) = all.get(pid).filter(|stat| stat.start_ticks == *start) else {
                continue;
            };
            for (number, numbers) in [(stat.session, &mut sessions), (stat.group, &mut groups)] {
                if self.leaders.contains_key(&number) {
                    numbers.insert(number);
                }
            }
        }
        (sessions, groups)
    }
}

fn signal_all(members: &Starts, signals: &[Signal]) -> io::Result<()> {
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
                    ));
                }
            }
        }
    }
    result
}
