//! A second, naive description: what the last acknowledged request made of each process. It knows nothing of phases,
//! turns or writes.

use pmon3_supervisor::{Accepted, Goal, Group, Id, InitScope, Name, Record, Request, Selector, Spec, Which};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) goal: Goal,
    pub(crate) spec: Spec,
}

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) processes: BTreeMap<Id, Expected>,
    pub(crate) groups: BTreeSet<Name>,
}

impl Expected {
    pub(crate) fn of(record: &Record) -> Expected {
        // A restart that is under way is a wish to be up.
        let goal = if record.goal == Goal::Again {
            Goal::Up
        } else {
            record.goal
        };
        Expected {
            goal,
            spec: Spec::clone(&record.spec),
        }
    }
}

impl Model {
    /// What is there is what is expected from now on.
    pub(crate) fn follow(&mut self, records: &[Record], groups: &[Group]) {
        self.processes = records.iter().map(|record| (record.id, Expected::of(record))).collect();
        self.groups = groups.iter().map(|group| group.name.clone()).collect();
    }

    /// The request was acknowledged for these processes; `id_of`: who has a name now.
    pub(crate) fn acknowledge(
        &mut self,
        request: &Request,
        accepted: &Accepted,
        id_of: impl Fn(&Name) -> Option<Id>,
        group_names: &BTreeMap<u32, Name>,
    ) {
        match request {
            Request::Exec(spec) => self.put(accepted.ids[0], spec),
            Request::Init { entries, .. } => {
                // One whose process is still being deleted is left out.
                for spec in entries {
                    if let Some(id) = id_of(&spec.name).filter(|id| accepted.ids.contains(id)) {
                        self.put(id, spec);
                    }
                }
                self.set(accepted, Goal::Up);
            }
            Request::Restart { .. } => self.set(accepted, Goal::Up),
            Request::Stop { .. } => self.set(accepted, Goal::Down),
            Request::Delete { .. } => self.set(accepted, Goal::Gone),
            Request::Reset(_) => {}
            Request::CreateGroup(name) => {
                self.groups.insert(name.clone());
            }
            Request::DeleteGroups(groups) => {
                for name in named(groups, group_names) {
                    self.groups.remove(&name);
                    for expected in self.processes.values_mut() {
                        expected.spec.groups.remove(&name);
                    }
                }
            }
            Request::Assign { groups, .. } => self.regroup(accepted, groups, group_names, BTreeSet::insert),
            Request::Unassign { groups, .. } => {
                self.regroup(accepted, groups, group_names, |of, name| of.remove(&name));
            }
        }
    }

    fn put(&mut self, id: Id, spec: &Spec) {
        self.groups.extend(spec.groups.iter().cloned());
        self.processes.insert(
            id,
            Expected {
                goal: Goal::Up,
                spec: spec.clone(),
            },
        );
    }

    fn set(&mut self, accepted: &Accepted, goal: Goal) {
        for id in &accepted.ids {
            match self.processes.get_mut(id) {
                Some(expected) if expected.goal != Goal::Gone => expected.goal = goal,
                _ => {}
            }
        }
    }

    fn regroup(
        &mut self,
        accepted: &Accepted,
        groups: &[Selector],
        group_names: &BTreeMap<u32, Name>,
        change: impl Fn(&mut BTreeSet<Name>, Name) -> bool,
    ) {
        for name in named(groups, group_names) {
            for id in &accepted.ids {
                if let Some(expected) = self.processes.get_mut(id) {
                    change(&mut expected.spec.groups, name.clone());
                }
            }
        }
    }
}

fn named(groups: &[Selector], names: &BTreeMap<u32, Name>) -> Vec<Name> {
    let name = |selector: &Selector| match selector {
        Selector::Id(id) => names.get(&id.0).cloned(),
        Selector::Name(name) => Some(name.clone()),
    };
    groups.iter().filter_map(name).collect()
}

/// Whether a request that nobody has acknowledged may have changed this process all the same.
pub(crate) fn may_touch(request: &Request, id: Id, spec: &Spec, groups: &BTreeMap<u32, Name>) -> bool {
    let names = |selectors: &[Selector]| {
        selectors.iter().any(|selector| match selector {
            Selector::Id(other) => *other == id,
            Selector::Name(name) => *name == spec.name,
        })
    };
    match request {
        Request::Exec(new) => new.name == spec.name,
        Request::Init { entries, scope } => {
            *scope == InitScope::Everything || entries.iter().any(|entry| entry.name == spec.name)
        }
        Request::Restart { which, .. } | Request::Stop { which, .. } | Request::Delete { which, .. } => match which {
            Which::All => true,
            Which::These(selectors) => names(selectors),
            Which::Groups(selectors) => named(selectors, groups).iter().any(|name| spec.groups.contains(name)),
        },
        Request::Assign { processes, .. } | Request::Unassign { processes, .. } => names(processes),
        Request::DeleteGroups(selectors) => named(selectors, groups).iter().any(|name| spec.groups.contains(name)),
        Request::Reset(_) | Request::CreateGroup(_) => false,
    }
}
