//! What goes to the disk, what is on its way there, and what a disk that failed still lacks.

use crate::effect::{Effect, News};
use crate::event::Write;
use crate::record::Change;
use crate::spec::{GroupId, Id};
use crate::supervisor::{Closing, Supervisor, Turn};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The first and the longest time after which a failed write is tried again.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The state of all writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Saving {
    last: u64,
    /// Writes that the store has not answered yet, with what they are about.
    under_way: BTreeMap<Write, BTreeSet<Key>>,
    /// What a failed write left unsaid.
    unsaved: BTreeSet<Key>,
    /// Of whom people were told that it could not be written, and not yet that it was.
    told: BTreeSet<Key>,
    retry_at: Option<Instant>,
    retry_after: Duration,
}

/// One line of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Process(Id),
    Group(GroupId),
}

impl Saving {
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The newest write that was asked for.
    pub(crate) fn last(&self) -> Write {
        Write(self.last)
    }

    /// Whether all writes up to this one were answered.
    pub(crate) fn answered(&self, up_to: Write) -> bool {
        self.under_way.first_key_value().is_none_or(|(write, _)| *write > up_to)
    }
}

impl Supervisor {
    /// What this turn changed goes to the disk; nobody waits for it.
    pub(crate) fn save(&mut self, turn: &mut Turn) {
        let mut changes = Vec::new();
        for key in std::mem::take(&mut turn.dirty) {
            // A request about it is on its way to the disk, and may be refused there: the answer brings this back.
            if self
                .requests
                .write_under_way()
                .is_some_and(|write| self.saving.is_about(write, key))
            {
                self.requests.defer(key);
                continue;
            }
            changes.push(self.change_of(key, turn));
        }
        if !changes.is_empty() {
            self.write(changes, false, turn);
        }
    }

    /// The truth about one line of the store.
    fn change_of(&mut self, key: Key, turn: &Turn) -> Change {
        match key {
            Key::Process(id) => match self.known.get_mut(id) {
                Some(process) => {
                    process.updated_at = turn.now.wall;
                    Change::Put(Box::new(process.record()))
                }
                None => Change::Forget(id),
            },
            Key::Group(id) => self
                .groups
                .get(id)
                .map_or(Change::ForgetGroup(id), |g| Change::PutGroup(g.clone())),
        }
    }

    pub(crate) fn write(&mut self, changes: Vec<Change>, durable: bool, turn: &mut Turn) -> Write {
        self.saving.last += 1;
        let write = Write(self.saving.last);
        self.saving
            .under_way
            .insert(write, changes.iter().map(key_of).collect());
        turn.out.push(Effect::Store {
            write,
            changes,
            durable,
        });
        write
    }

    pub(crate) fn stored(&mut self, write: Write, turn: &mut Turn) {
        let Some(keys) = self.saving.under_way.remove(&write) else {
            return;
        };
        self.saving.told.retain(|key| !keys.contains(key));
        // The disk takes writes: what a failed one left unsaid need not wait for its time.
        self.saving.retry_after = Duration::ZERO;
        self.retry_saving(turn);
        self.request_was_stored(write, turn);
    }

    pub(crate) fn store_failed(&mut self, write: Write, why: &str, turn: &mut Turn) {
        let Some(keys) = self.saving.under_way.remove(&write) else {
            return;
        };
        let refused = self.request_was_not_stored(write, why, turn);
        // Whatever the disk holds now: write the truth as soon as it takes it again.
        self.saving.unsaved.extend(&keys);
        for key in keys.into_iter().filter(|_| !refused) {
            let Key::Process(id) = key else { continue };
            if let Some(process) = self.known.get(id)
                && self.saving.told.insert(key)
            {
                let mut ctx = turn.context(&self.policy);
                process.announce(News::Unsaved(why.to_owned()), &mut ctx);
            }
        }
        let (first, longest) = RETRY;
        self.saving.retry_after = (self.saving.retry_after * 2).clamp(first, longest);
        if self.closing == Closing::No {
            self.saving.retry_at = Some(turn.now.after(self.saving.retry_after));
        }
    }

    /// What failed writes left unsaid is tried once more.
    pub(crate) fn retry_saving(&mut self, turn: &mut Turn) {
        self.saving.retry_at = None;
        turn.dirty.append(&mut self.saving.unsaved);
    }
}

impl Saving {
    fn is_about(&self, write: Write, key: Key) -> bool {
        self.under_way.get(&write).is_some_and(|keys| keys.contains(&key))
    }
}

fn key_of(change: &Change) -> Key {
    match change {
        Change::Put(record) => Key::Process(record.id),
        Change::Forget(id) => Key::Process(*id),
        Change::PutGroup(group) => Key::Group(group.id),
        Change::ForgetGroup(id) => Key::Group(*id),
    }
}
