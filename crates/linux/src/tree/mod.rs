//! A process and all its descendants, also those that made a session of their own or lost their parents.
//!
//! Two ways to hold them together:
//!
//! - **cgroup**: each process has a leaf of a cgroup v2 of ours. Nobody leaves it without the right to; the kernel
//!   counts, signals and kills all in it at once (cgroups(7); `cgroup.kill`, Linux 5.14).
//! - **session**: where no cgroup can be had. Members are the descendants of the main process, those in its session or
//!   process group, and those that carry our mark in their environment. A program that sheds all four is lost.
//!
//! Which one it is, is found out by trying.

mod cgroup;
mod session;

use crate::{identity, proc};
use cgroup::Cgroups;
use session::Sessions;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

/// The variable in the environment of each member: `<instance>.<id>.<run>`.
pub const MARK: &str = "PMON3_MARK";

/// Which way is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// cgroup where it can be had.
    Auto,
    /// cgroup, or an error.
    Cgroup,
    /// session.
    Session,
}

/// All trees of one daemon.
#[derive(Debug)]
pub struct Trees {
    way: Way,
    instance: String,
    detail: String,
}

#[derive(Debug)]
enum Way {
    Cgroup(Cgroups),
    Session(Sessions),
}

/// Where a new process is put.
#[derive(Debug)]
pub struct Place(Option<OwnedFd>);

impl Place {
    /// Nowhere in particular.
    #[must_use]
    pub fn anywhere() -> Place {
        Place(None)
    }

    /// In the cgroup whose directory this is.
    pub(crate) fn in_leaf(leaf: OwnedFd) -> Place {
        Place(Some(leaf))
    }

    /// The directory of its cgroup.
    #[must_use]
    pub fn leaf(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }
}

/// Descriptors of which one becomes readable when the tree may have become empty. Made anew after each look.
#[derive(Debug)]
pub struct Watch(Vec<OwnedFd>);

impl Watch {
    /// The descriptors.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(AsFd::as_fd)
    }
}

/// A process that an earlier daemon of the same instance started, or a descendant of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor {
    /// The kernel's number.
    pub pid: u32,
    /// See [`identity`].
    pub identity: String,
    /// The run in its mark.
    pub run: Option<u64>,
    /// Whether it leads a session, as each main process does (its descendants may, too).
    pub is_leader: bool,
    /// When it was started.
    pub started_at: SystemTime,
}

impl Survivor {
    fn of(pid: u32, instance: &str) -> Option<(Option<u32>, Survivor)> {
        let stat = proc::stat(pid).ok().filter(|stat| !stat.is_dead())?;
        let mark = proc::variable(pid, MARK)
            .and_then(|mark| Mark::parse(&mark))
            .filter(|mark| mark.instance == instance);
        let survivor = Survivor {
            pid,
            identity: identity::of(pid).ok()?,
            run: mark.as_ref().map(|mark| mark.run),
            is_leader: stat.session == pid,
            started_at: stat.started_at(),
        };
        Some((mark.map(|mark| mark.id), survivor))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) instance: String,
    pub(crate) id: u32,
    pub(crate) run: u64,
}

impl Mark {
    pub(crate) fn parse(text: &str) -> Option<Mark> {
        let mut parts = text.split('.');
        let mark = Mark {
            instance: parts.next()?.to_owned(),
            id: parts.next()?.parse().ok()?,
            run: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(mark)
    }
}

impl Trees {
    /// Finds out how trees can be held together here. `instance` names this daemon among all.
    ///
    /// # Errors
    /// Only where [`Choice::Cgroup`] cannot be had.
    pub fn open(instance: &str, choice: Choice) -> io::Result<Trees> {
        let session = |detail: String| Trees {
            way: Way::Session(Sessions::new(instance)),
            instance: instance.to_owned(),
            detail,
        };
        if choice == Choice::Session {
            return Ok(session(
                "session, mark and subreaper, as the configuration asks".to_owned(),
            ));
        }
        match Cgroups::open(instance) {
            Ok(cgroups) => {
                let detail = format!("cgroup v2 {}", cgroups.base().display());
                Ok(Trees {
                    way: Way::Cgroup(cgroups),
                    instance: instance.to_owned(),
                    detail,
                })
            }
            Err(error) if choice == Choice::Cgroup => Err(io::Error::new(
                error.kind(),
                format!("process_tree: no cgroup can be had: {error}"),
            )),
            Err(error) => Ok(session(format!(
                "session, mark and subreaper, because no cgroup can be had: {error}"
            ))),
        }
    }

    /// `cgroup` or `session`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.way {
            Way::Cgroup(_) => "cgroup",
            Way::Session(_) => "session",
        }
    }

    /// In a few words: which cgroup, or why there is none.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The directory above all leaves.
    #[must_use]
    pub fn base(&self) -> Option<&std::path::Path> {
        match &self.way {
            Way::Cgroup(cgroups) => Some(cgroups.base()),
            Way::Session(_) => None,
        }
    }

    /// Where a process with this id is to be started.
    pub fn place(&mut self, id: u32) -> io::Result<Place> {
        match &mut self.way {
            Way::Cgroup(cgroups) => Ok(Place(Some(cgroups.leaf(id)?))),
            Way::Session(_) => Ok(Place(None)),
        }
    }

    /// The main process of this id has been started.
    pub fn started(&mut self, id: u32, main: u32) {
        if let Way::Session(sessions) = &mut self.way {
            sessions.started(id, main);
        }
    }

    /// Whether no member is left. Members that ended and that nobody has waited for yet do not count.
    #[must_use]
    pub fn is_empty(&self, id: u32) -> bool {
        match &self.way {
            Way::Cgroup(cgroups) => cgroups.is_empty(id),
            Way::Session(sessions) => sessions.members(id).is_empty(),
        }
    }

    /// All members there are.
    #[must_use]
    pub fn members(&self, id: u32) -> Vec<u32> {
        match &self.way {
            Way::Cgroup(cgroups) => cgroups.members(id),
            Way::Session(sessions) => sessions.members(id).into_keys().collect(),
        }
    }

    /// SIGTERM to each member, and SIGCONT after it, so that one that is stopped can obey.
    ///
    /// # Errors
    /// Not all could be signalled; the others were.
    pub fn terminate(&mut self, id: u32) -> io::Result<()> {
        match &mut self.way {
            Way::Cgroup(cgroups) => cgroups.terminate(id),
            Way::Session(sessions) => sessions.terminate(id),
        }
    }

    /// SIGKILL to each member, and to whom they start meanwhile.
    ///
    /// # Errors
    /// Not all could be signalled; the others were.
    pub fn kill(&mut self, id: u32) -> io::Result<()> {
        match &mut self.way {
            Way::Cgroup(cgroups) => cgroups.kill(id),
            Way::Session(sessions) => sessions.kill(id),
        }
    }

    /// Something that becomes readable when the members change. Look with [`Trees::is_empty`] after it is in place.
    pub fn watch(&self, id: u32) -> io::Result<Watch> {
        match &self.way {
            Way::Cgroup(cgroups) => Ok(Watch(vec![cgroups.watch(id)?])),
            Way::Session(sessions) => {
                // One that has ended since needs no watching: whoever looks will see.
                Ok(Watch(
                    sessions
                        .members(id)
                        .into_keys()
                        .filter_map(|pid| identity::open(pid).ok())
                        .collect(),
                ))
            }
        }
    }

    /// This id will not be used again, for now.
    pub fn forget(&mut self, id: u32) {
        match &mut self.way {
            Way::Cgroup(cgroups) => cgroups.forget(id),
            Way::Session(sessions) => sessions.forget(id),
        }
    }

    /// Nothing is to be left behind that is not in use.
    pub fn close(self) {
        if let Way::Cgroup(cgroups) = self.way {
            cgroups.close();
        }
    }

    /// All that is left of what an earlier daemon of this instance started, by id.
    pub fn survivors(&mut self) -> BTreeMap<u32, Vec<Survivor>> {
        let mut found: BTreeMap<u32, Vec<Survivor>> = BTreeMap::new();
        let mut in_leaf = BTreeMap::new();
        if let Way::Cgroup(cgroups) = &mut self.way {
            for id in cgroups.leaves() {
                in_leaf.extend(cgroups.members(id).into_iter().map(|pid| (pid, id)));
            }
        }
        for pid in proc::pids().unwrap_or_default() {
            let leaf = in_leaf.get(&pid).copied();
            // Reading an environment costs more than a look at its owner: nobody else's can be ours.
            let Some((marked, survivor)) = Survivor::of(pid, &self.instance) else {
                continue;
            };
            if let Some(id) = leaf.or(marked) {
                found.entry(id).or_default().push(survivor);
            }
        }
        if let Way::Session(sessions) = &mut self.way {
            for (id, all) in &found {
                all.iter()
                    .filter(|survivor| survivor.is_leader)
                    .for_each(|leader| sessions.started(*id, leader.pid));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_whole_or_not_at_all() {
        assert_eq!(
            Mark::parse("ab.7.12"),
            Some(Mark {
                instance: "ab".to_owned(),
                id: 7,
                run: 12
            })
        );
        for bad in ["", "ab", "ab.7", "ab.x.1", "ab.7.1.2", "ab.7."] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }
}
