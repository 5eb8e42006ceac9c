//! Groups: names for several processes, many to many. Who is in one stands in the specs of the processes.

use crate::process::Process;
use crate::record::Group;
use crate::spec::{GroupId, Name, Selector};
use std::collections::BTreeMap;

/// All groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    by_id: BTreeMap<GroupId, Group>,
    by_name: BTreeMap<Name, GroupId>,
}

impl Groups {
    pub(crate) fn get(&self, id: GroupId) -> Option<&Group> {
        self.by_id.get(&id)
    }

    pub(crate) fn has(&self, name: &Name) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Name> {
        self.by_name.keys()
    }

    pub(crate) fn find(&self, selector: &Selector) -> Option<&Group> {
        match selector {
            Selector::Id(id) => self.get(GroupId(id.0)),
            Selector::Name(name) => self.get(*self.by_name.get(name)?),
        }
    }

    pub(crate) fn insert(&mut self, group: Group) {
        self.by_name.insert(group.name.clone(), group.id);
        self.by_id.insert(group.id, group);
    }

    pub(crate) fn remove(&mut self, id: GroupId) {
        if let Some(group) = self.by_id.remove(&id) {
            self.by_name.remove(&group.name);
        }
    }

    /// Numbers that no group has, smallest first, each above all that are in use.
    pub(crate) fn free_ids(&self) -> impl Iterator<Item = GroupId> + use<> {
        let last = self.by_id.last_key_value().map_or(0, |(id, _)| id.0);
        (last..u32::MAX).map(|id| GroupId(id + 1))
    }

    /// Each group with the names of its members, both in their own order.
    pub(crate) fn with_members<'a>(&self, processes: impl Iterator<Item = &'a Process>) -> Vec<(Group, Vec<Name>)> {
        let mut members: BTreeMap<&Name, Vec<Name>> = BTreeMap::new();
        for process in processes {
            for name in &process.spec.groups {
                members.entry(name).or_default().push(process.spec.name.clone());
            }
        }
        self.by_id
            .values()
            .map(|group| (group.clone(), members.remove(&group.name).unwrap_or_default()))
            .collect()
    }
}
