//! Which tree a process belongs to, where no cgroup knows.

use std::collections::BTreeMap;
use std::io;

use super::proc::{Proc, Stat};
use super::{Member, Tree};

/// Looks at all processes of the host at once. A process belongs to the tree of a main process that it is, that leads its session
/// or its group, or that it descends from. One that has lost its ancestors has come to us, the subreaper, and carries a mark.
#[derive(Debug)]
pub(super) struct Descent {
    instance: String,
    /// Sorted by pid.
    stats: Vec<Stat>,
    owners: Vec<Owner>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Unknown,
    /// Being looked for: whoever meets it again has walked in a circle.
    Sought,
    Known(Option<usize>),
}

impl Descent {
    pub(super) fn new(instance: &str) -> Descent {
        Descent {
            instance: instance.to_owned(),
            stats: Vec::new(),
            owners: Vec::new(),
        }
    }

    /// Adds the members of all trees that have no cgroup.
    pub(super) fn find(&mut self, proc: &mut Proc, trees: &[Tree<'_>], found: &mut Vec<Member>) -> io::Result<()> {
        let pids = proc.pids()?;
        self.stats.clear();
        self.stats.extend(pids.into_iter().filter_map(|pid| proc.stat(pid)));
        self.stats.sort_unstable_by_key(|stat| stat.pid);
        let without_cgroup = || trees.iter().enumerate().filter(|(_, tree)| tree.leaf.is_none());
        let mains: BTreeMap<u32, usize> = without_cgroup()
            .filter_map(|(index, tree)| Some((tree.main_pid?, index)))
            .collect();
        let ids: BTreeMap<u32, usize> = without_cgroup().map(|(index, tree)| (tree.id, index)).collect();
        let ourselves = std::process::id();
        let instance = &self.instance;
        let orphan =
            |pid| marked_id(proc.environment(pid, "PMON3_MARK")?, instance).and_then(|id| ids.get(&id).copied());
        assign(&self.stats, &mut self.owners, ourselves, &mains, orphan);
        for (stat, owner) in self.stats.iter().zip(&self.owners) {
            if let Owner::Known(Some(tree)) = *owner {
                found.push(Member { tree, stat: *stat });
            }
        }
        Ok(())
    }
}

/// The process number in a mark of this instance, `<instance>.<id>.<run>`.
fn marked_id(mark: &[u8], instance: &str) -> Option<u32> {
    let mut parts = std::str::from_utf8(mark).ok()?.split('.');
    parts.next().filter(|of| *of == instance)?;
    parts.next()?.parse().ok()
}

/// Finds the owner of each process. `orphan` tells the tree of a child of ours that is no main process.
fn assign(
    stats: &[Stat],
    owners: &mut Vec<Owner>,
    ourselves: u32,
    mains: &BTreeMap<u32, usize>,
    mut orphan: impl FnMut(u32) -> Option<usize>,
) {
    owners.clear();
    owners.resize(stats.len(), Owner::Unknown);
    let mut way = Vec::new();
    for start in 0..stats.len() {
        let mut here = Some(start);
        let owner = loop {
            let Some(index) = here else { break None };
            match owners[index] {
                Owner::Known(owner) => break owner,
                Owner::Sought => break None,
                Owner::Unknown => {}
            }
            way.push(index);
            owners[index] = Owner::Sought;
            let stat = &stats[index];
            let direct = [stat.pid, stat.session, stat.group]
                .iter()
                .find_map(|pid| mains.get(pid));
            if let Some(tree) = direct {
                break Some(*tree);
            }
            if stat.pid == ourselves {
                break None;
            }
            if stat.parent == ourselves {
                break orphan(stat.pid);
            }
            here = stats.binary_search_by_key(&stat.parent, |stat| stat.pid).ok();
        };
        for index in way.drain(..) {
            owners[index] = Owner::Known(owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u32 = 100;

    /// Pid, parent, session.
    fn owners(processes: &[(u32, u32, u32)], mains: &[(u32, usize)]) -> Vec<Option<usize>> {
        let stats: Vec<Stat> = processes
            .iter()
            .map(|&(pid, parent, session)| Stat {
                pid,
                parent,
                session,
                group: 0,
                cpu: 0,
                start: 0,
                resident: 0,
            })
            .collect();
        let mut owners = Vec::new();
        // Marked orphans have pids above 900, and belong to the tree of their last digit.
        let orphan = |pid: u32| (pid > 900).then(|| usize::try_from(pid % 10).unwrap());
        assign(&stats, &mut owners, US, &mains.iter().copied().collect(), orphan);
        owners
            .iter()
            .map(|owner| {
                if let Owner::Known(owner) = owner {
                    *owner
                } else {
                    panic!("{owner:?}")
                }
            })
            .collect()
    }

    #[test]
    fn descendants_belong_to_the_tree_also_those_with_a_session_of_their_own() {
        let processes = [
            (1, 0, 1),
            (US, 1, US),
            (200, US, 200),
            (201, 200, 200),
            (202, 201, 202),
            (203, 202, 202),
        ];
        let expected = [None, None, Some(0), Some(0), Some(0), Some(0)];
        assert_eq!(owners(&processes, &[(200, 0)]), expected);
    }

    #[test]
    fn orphans_are_found_by_session_or_by_mark_with_their_children() {
        let mains_tree = [(US, 1, US), (200, US, 200), (201, US, 200)];
        let others = [(300, US, 300), (301, 300, 300), (901, US, 901), (902, 901, 902)];
        let expected = [None, Some(0), Some(0), None, None, Some(1), Some(1)];
        assert_eq!(owners(&[&mains_tree[..], &others].concat(), &[(200, 0)]), expected);
    }

    #[test]
    fn neighbours_and_ancestors_belong_to_no_tree() {
        let processes = [
            (1, 0, 1),
            (50, 1, 50),
            (US, 50, 50),
            (200, US, 200),
            (250, 50, 50),
            (260, 999, 9),
        ];
        assert_eq!(owners(&processes, &[(200, 0)]), [None, None, None, Some(0), None, None]);
    }

    #[test]
    fn circle_of_parents_ends() {
        // Possible, as pids are used again while we read.
        let processes = [(10, 12, 1), (11, 10, 1), (12, 11, 1), (13, 13, 1)];
        assert_eq!(owners(&processes, &[(200, 0)]), [None; 4]);
    }

    #[test]
    fn only_marks_of_our_instance_count() {
        assert_eq!(marked_id(b"00ff.17.3", "00ff"), Some(17));
        assert_eq!(marked_id(b"00fe.17.3", "00ff"), None);
        assert_eq!(marked_id(b"00ff", "00ff"), None);
        assert_eq!(marked_id(b"00ff.x.3", "00ff"), None);
        assert_eq!(marked_id(b"\xff", "00ff"), None);
    }
}
