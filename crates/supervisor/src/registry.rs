//! All processes, and the ways to find one: by name, by who depends on it, by deadline. Kept in step in one place, so
//! that each event costs the logarithm of their number and not more.

use crate::process::{Ending, Phase, Process, Stage, Wait};
use crate::spec::{Id, Name, Run, Spec};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// All processes that are known.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    entries: BTreeMap<Id, Box<Entry>>,
    by_name: BTreeMap<Name, Id>,
    /// Who names this name as a dependency, whether or not somebody has it.
    dependents: BTreeMap<Name, BTreeSet<Id>>,
    logs: BTreeSet<LogUser>,
    /// Nearest first.
    deadlines: BTreeSet<(Instant, Id)>,
    /// Who lets whom go first in ending: the one that goes first, then the one that waits for its turn.
    turns: BTreeSet<(Id, Id)>,
    /// How many have a run.
    up: usize,
    /// The newest run of all that were removed: whoever gets one of their numbers goes on from there, so that a late
    /// word about the old one is not taken for one about the new.
    retired: Run,
}

#[derive(Clone, Debug)]
struct Entry {
    process: Process,
    /// What `deadlines` has of it.
    deadline: Option<Instant>,
    /// Behind whom `turns` has it.
    behind: Option<Id>,
    /// Whether `up` counts it.
    up: bool,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry {
            entries: BTreeMap::new(),
            by_name: BTreeMap::new(),
            dependents: BTreeMap::new(),
            logs: BTreeSet::new(),
            deadlines: BTreeSet::new(),
            turns: BTreeSet::new(),
            up: 0,
            retired: Run(0),
        }
    }

    pub(crate) fn get(&self, id: Id) -> Option<&Process> {
        self.entries.get(&id).map(|entry| &entry.process)
    }

    /// To change it. [`Registry::reindex`] must follow when its phase has changed, and [`Registry::replace_spec`] is
    /// the way to another spec.
    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut Process> {
        self.entries.get_mut(&id).map(|entry| &mut entry.process)
    }

    pub(crate) fn id_of(&self, name: &Name) -> Option<Id> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn by_name(&self, name: &Name) -> Option<&Process> {
        self.get(self.id_of(name)?)
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Process> {
        self.entries.values().map(|entry| &entry.process)
    }

    pub(crate) fn ids(&self) -> Vec<Id> {
        self.entries.keys().copied().collect()
    }

    /// The run that a new process has behind it.
    pub(crate) fn retired(&self) -> Run {
        self.retired
    }

    /// The largest number in use; 0 if there is none.
    pub(crate) fn last_id(&self) -> Id {
        self.entries.last_key_value().map_or(Id(0), |(id, _)| *id)
    }

    /// How many have a run, or are about to.
    pub(crate) fn up(&self) -> usize {
        self.up
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    pub(crate) fn due(&self, now: Instant) -> Vec<Id> {
        self.deadlines
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, id)| *id)
            .collect()
    }

    pub(crate) fn insert(&mut self, process: Process) {
        let id = process.id;
        self.by_name.insert(process.spec.name.clone(), id);
        self.index_spec(id, &process.spec);
        self.entries.insert(
            id,
            Box::new(Entry {
                process,
                deadline: None,
                behind: None,
                up: false,
            }),
        );
        self.reindex(id);
    }

    pub(crate) fn remove(&mut self, id: Id) -> Option<Process> {
        let entry = self.entries.remove(&id)?;
        self.by_name.remove(&entry.process.spec.name);
        self.unindex_spec(id, &entry.process.spec);
        if let Some(at) = entry.deadline {
            self.deadlines.remove(&(at, id));
        }
        if let Some(first) = entry.behind {
            self.turns.remove(&(first, id));
        }
        self.up -= usize::from(entry.up);
        self.retired = self.retired.max(entry.process.run);
        Some(entry.process)
    }

    /// From now on this is what was asked. The name stays.
    pub(crate) fn replace_spec(&mut self, id: Id, spec: Arc<Spec>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let old = std::mem::replace(&mut entry.process.spec, spec.clone());
        self.unindex_spec(id, &old);
        self.index_spec(id, &spec);
    }

    /// Sees to it that its deadline, its turn, and whether it has a run, are known.
    pub(crate) fn reindex(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let deadline = entry.process.deadline();
        if deadline != entry.deadline {
            if let Some(at) = std::mem::replace(&mut entry.deadline, deadline) {
                self.deadlines.remove(&(at, id));
            }
            self.deadlines.extend(deadline.map(|at| (at, id)));
        }
        let behind = entry.process.behind();
        if behind != entry.behind {
            if let Some(first) = std::mem::replace(&mut entry.behind, behind) {
                self.turns.remove(&(first, id));
            }
            self.turns.extend(behind.map(|first| (first, id)));
        }
        let up = entry.process.is_up();
        self.up -= usize::from(std::mem::replace(&mut entry.up, up));
        self.up += usize::from(up);
    }

    /// Those that wait for this one to run.
    pub(crate) fn waiting_for(&self, name: &Name) -> impl Iterator<Item = Id> {
        self.dependents_of(name)
            .filter(|p| matches!(p.phase, Phase::Waiting(Wait::Dependency(_))))
            .map(|p| p.id)
    }

    /// Those that let this one go first in ending.
    pub(crate) fn waiting_to_end(&self, id: Id) -> impl Iterator<Item = Id> {
        self.turns
            .range((id, Id(0))..=(id, Id(u32::MAX)))
            .map(|(_, waiting)| *waiting)
    }

    /// One that depends on this one, is still there, and is to end as well: it goes first. `last`: the one that was
    /// found before; the search goes on from there, so that all searches together pass each dependent about once.
    pub(crate) fn holder_of(&self, process: &Process, last: Option<Id>) -> Option<Id> {
        if !process.leaves() {
            return None; // it ends to start again: those that depend on it stay
        }
        let dependents = self.dependents.get(&process.spec.name)?;
        let holds = |id: &Id| *id != process.id && self.get(*id).is_some_and(Process::holds_others);
        let last = last.unwrap_or(Id(0));
        dependents
            .range(last..)
            .chain(dependents.range(..last))
            .copied()
            .find(holds)
    }

    /// Whether another process writes into the log of this one.
    pub(crate) fn shares_log(&self, process: &Process) -> bool {
        let from = LogUser {
            spec: process.spec.clone(),
            id: Id(0),
        };
        let same = self
            .logs
            .range(from..)
            .take_while(|user| user.spec.log == process.spec.log);
        same.into_iter().any(|user| user.id != process.id)
    }

    fn dependents_of(&self, name: &Name) -> impl Iterator<Item = &Process> {
        self.dependents
            .get(name)
            .into_iter()
            .flatten()
            .filter_map(|id| self.get(*id))
    }

    fn index_spec(&mut self, id: Id, spec: &Arc<Spec>) {
        for name in &spec.dependencies {
            self.dependents.entry(name.clone()).or_default().insert(id);
        }
        self.logs.insert(LogUser { spec: spec.clone(), id });
    }

    fn unindex_spec(&mut self, id: Id, spec: &Arc<Spec>) {
        for name in &spec.dependencies {
            if let Some(ids) = self.dependents.get_mut(name) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.dependents.remove(name);
                }
            }
        }
        self.logs.remove(&LogUser { spec: spec.clone(), id });
    }
}

impl Process {
    /// The one that goes first, while this one waits for its turn to end.
    fn behind(&self) -> Option<Id> {
        match &self.phase {
            Phase::Ending(Ending {
                stage: Stage::Turn { behind },
                ..
            }) => *behind,
            _ => None,
        }
    }
}

/// Orders processes by the path of their log, without a copy of it.
#[derive(Clone, Debug)]
struct LogUser {
    spec: Arc<Spec>,
    id: Id,
}

impl Ord for LogUser {
    fn cmp(&self, other: &LogUser) -> Ordering {
        (&self.spec.log, self.id).cmp(&(&other.spec.log, other.id))
    }
}

impl PartialOrd for LogUser {
    fn partial_cmp(&self, other: &LogUser) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for LogUser {
    fn eq(&self, other: &LogUser) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for LogUser {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_processes_fit_into_6_mb_beside_their_texts() {
        assert!(
            size_of::<Entry>() + size_of::<Spec>() <= 600,
            "{} + {}",
            size_of::<Entry>(),
            size_of::<Spec>()
        );
    }
}
