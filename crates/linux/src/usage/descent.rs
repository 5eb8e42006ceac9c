//! Which tree a process belongs to, where no cgroup knows.

use std::collections::BTreeMap;
use std::io;

use super::reader::Reader;
use super::{Member, Tree};
use crate::proc::{self, Stat};
use crate::tree::{MARK, Mark};

/// Looks at all processes of the host at once. A process belongs to the tree of a main process that it is, that leads its session
/// or its group, or that it descends from. One that has lost its ancestors has come to us, the subreaper, and carries a mark.
#[derive(Debug)]
pub(super) struct Descent {
    instance: String,
    /// Sorted by pid.
    processes: Vec<(u32, Stat)>,
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
            processes: Vec::new(),
            owners: Vec::new(),
        }
    }

    /// Adds the members of all trees that have no cgroup.
    pub(super) fn find(&mut self, reader: &mut Reader, trees: &[Tree<'_>], found: &mut Vec<Member>) -> io::Result<()> {
        let pids = reader.pids()?;
        self.processes.clear();
        self.processes
            .extend(pids.into_iter().filter_map(|pid| Some((pid, reader.stat(pid)?))));
        self.processes.sort_unstable_by_key(|(pid, _)| *pid);
        let without_cgroup = || trees.iter().enumerate().filter(|(_, tree)| tree.leaf.is_none());
        let mains: BTreeMap<u32, usize> = without_cgroup()
            .filter_map(|(index, tree)| Some((tree.main_pid?, index)))
            .collect();
        let ids: BTreeMap<u32, usize> = without_cgroup().map(|(index, tree)| (tree.id, index)).collect();
        let ourselves = std::process::id();
        let instance = &self.instance;
        let orphan = |pid| {
            let mark = Mark::parse(&proc::variable(pid, MARK)?)?;
            if mark.instance == *instance {
                ids.get(&mark.id).copied()
            } else {
                None
            }
        };
        assign(&self.processes, &mut self.owners, ourselves, &mains, orphan);
        for (&(pid, stat), owner) in self.processes.iter().zip(&self.owners) {
            if let Owner::Known(Some(tree)) = *owner {
                found.push(Member { tree, pid, stat });
            }
        }
        Ok(())
    }
}

/// Finds the owner of each process. `orphan` tells the tree of a child of ours that is no main process.
fn assign(
    processes: &[(u32, Stat)],
    owners: &mut Vec<Owner>,
    ourselves: u32,
    mains: &BTreeMap<u32, usize>,
    mut orphan: impl FnMut(u32) -> Option<usize>,
) {
    owners.clear();
    owners.resize(processes.len(), Owner::Unknown);
    let mut way = Vec::new();
    for start in 0..processes.len() {
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
            let (pid, stat) = &processes[index];
            let direct = [*pid, stat.session, stat.group].iter().find_map(|pid| mains.get(pid));
            if let Some(tree) = direct {
                break Some(*tree);
            }
            if *pid == ourselves {
                break None;
            }
            if stat.ppid == ourselves {
                break orphan(*pid);
            }
            here = processes.binary_search_by_key(&stat.ppid, |(pid, _)| *pid).ok();
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
        let stat = |ppid, session| Stat {
            state: b'S',
            ppid,
            group: 0,
            session,
            cpu_ticks: 0,
            threads: 1,
            flags: 0,
            start_ticks: 0,
            pages: 0,
            exit_status: 0,
        };
        let processes: Vec<(u32, Stat)> = processes
            .iter()
            .map(|&(pid, parent, session)| (pid, stat(parent, session)))
            .collect();
        let mut owners = Vec::new();
        // Marked orphans have pids above 900, and belong to the tree of their last digit.
        let orphan = |pid: u32| (pid > 900).then(|| usize::try_from(pid % 10).unwrap());
        assign(&processes, &mut owners, US, &mains.iter().copied().collect(), orphan);
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
}
