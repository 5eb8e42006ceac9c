//! The pretend store: writes in a queue, each all or nothing, and a disk that can be full or lose power.

use pmon3_supervisor::{Change, Event, Group, GroupId, Id, Record, Write};
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub struct Disk {
    pub records: BTreeMap<Id, Record>,
    pub groups: BTreeMap<GroupId, Group>,
    /// Writes that were asked for and not answered.
    queue: VecDeque<(Write, Vec<Change>, bool)>,
    /// Why writes fail, while they do.
    pub broken: Option<String>,
    /// What a loss of power leaves.
    safe: Safe,
    /// Writes since, oldest first: a loss of power leaves the first few of them.
    unsafe_writes: Vec<Vec<Change>>,
    last_asked: u64,
}

#[derive(Default)]
struct Safe {
    records: BTreeMap<Id, Record>,
    groups: BTreeMap<GroupId, Group>,
}

impl Disk {
    pub fn ask(&mut self, write: Write, changes: Vec<Change>, durable: bool) {
        assert!(!changes.is_empty(), "a write of nothing");
        assert!(write.0 > self.last_asked, "writes keep their order");
        self.last_asked = write.0;
        self.queue.push_back((write, changes, durable));
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The newest write that was asked for.
    pub fn last_asked(&self) -> u64 {
        self.last_asked
    }

    /// The oldest write that was not answered.
    pub fn oldest_waiting(&self) -> Option<u64> {
        self.queue.front().map(|(write, ..)| write.0)
    }

    /// The next write is done, or fails; the answer is for the core.
    pub fn answer(&mut self) -> Option<Event> {
        let (write, changes, durable) = self.queue.pop_front()?;
        if let Some(why) = &self.broken {
            return Some(Event::StoreFailed(write, why.clone()));
        }
        self.commit(changes, durable);
        Some(Event::Stored(write))
    }

    /// The next write reaches the disk, but the daemon dies before it hears of it.
    pub fn commit_unheard(&mut self) {
        if let Some((_, changes, durable)) = self.queue.pop_front().filter(|_| self.broken.is_none()) {
            self.commit(changes, durable);
        }
    }

    pub fn forget_queue(&mut self) {
        self.queue.clear();
        self.last_asked = 0;
    }

    /// What was written durably stays, and the first few of the writes since then.
    pub fn lose_power(&mut self, kept_writes: usize) {
        for changes in std::mem::take(&mut self.unsafe_writes).into_iter().take(kept_writes) {
            for change in changes {
                apply(change, &mut self.safe.records, &mut self.safe.groups);
            }
        }
        self.records = self.safe.records.clone();
        self.groups = self.safe.groups.clone();
    }

    pub fn unsafe_writes(&self) -> usize {
        self.unsafe_writes.len()
    }

    fn commit(&mut self, changes: Vec<Change>, durable: bool) {
        for change in &changes {
            apply(change.clone(), &mut self.records, &mut self.groups);
        }
        self.unsafe_writes.push(changes);
        if durable {
            for change in std::mem::take(&mut self.unsafe_writes).into_iter().flatten() {
                apply(change, &mut self.safe.records, &mut self.safe.groups);
            }
        }
    }
}

fn apply(change: Change, records: &mut BTreeMap<Id, Record>, groups: &mut BTreeMap<GroupId, Group>) {
    match change {
        Change::Put(record) => {
            records.insert(record.id, *record);
        }
        Change::Forget(id) => {
            records.remove(&id);
        }
        Change::PutGroup(group) => {
            groups.insert(group.id, group);
        }
        Change::ForgetGroup(id) => {
            groups.remove(&id);
        }
    }
}
