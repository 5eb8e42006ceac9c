//! A process and all its descendants, also those that made a session of their own or lost their parents.
//!
//! Two ways to hold them together:
//!
//! - **cgroup**: each process has a leaf of a cgroup v2 of ours. Nobody leaves it without the right to; the kernel
//!   counts, signals and kills all in it at once (cgroups(7); `cgroup.kill`, Linux 5.14).
//! - **session**: where no cgroup can be had. Members are the descendants of the main process, those in its session or
//!   process group, and those that carry our mark in their environment. A program that sheds all four is lost.
//!   Orphans come to us as their subreaper, so whatever we started hangs below us.
//!
//! Which one it is, is found out by trying.

mod cgroup;
mod session;

use crate::{identity, proc};
use cgroup::Cgroups;
use session::Sessions;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

/// The variable in the environment of each member: `<instance>.<id>.<run>.<pid of the main process>`.
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
    /// `None`: all by session.
    cgroups: Option<Cgroups>,
    sessions: Sessions,
    /// Ids of which members are outside their leaf and could not be brought in: a daemon before us held them together
    /// in another cgroup or by session. They are in both.
    outside: BTreeSet<u32>,
    /// Ids of which somebody carries the mark who is not their user. Whoever is in a leaf is trusted: they stay outside.
    doubtful: BTreeSet<u32>,
    instance: String,
    detail: String,
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
#[derive(Debug, Default)]
pub struct Watch {
    ready: Vec<OwnedFd>,
    #[expect(dead_code, reason = "what those wait for: closed, they would wait in vain")]
    kept: Vec<OwnedFd>,
}

impl Watch {
    /// The descriptors.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ready.iter().map(AsFd::as_fd)
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
    /// Whether it is the main process of its run: the pid in its mark is its own. Where a program has overwritten its
    /// environment and is known by its cgroup alone, whether it leads a session, as each main process does (its
    /// descendants may, too).
    pub is_main: bool,
    /// When it was started.
    pub started_at: SystemTime,
    /// Its real user. Anybody can put anything into an environment: a mark means something only with the right user.
    pub uid: u32,
    /// Whether the kernel says whose it is, by its cgroup, and not only its mark.
    pub in_leaf: bool,
}

impl Survivor {
    fn of(pid: u32, mark: Option<&Mark>, in_leaf: bool) -> Option<Survivor> {
        let stat = proc::stat(pid).ok().filter(|stat| !stat.is_dead())?;
        Some(Survivor {
            pid,
            identity: identity::of(pid).ok()?,
            run: mark.map(|mark| mark.run),
            is_main: mark.map_or(stat.session == pid, |mark| mark.main == pid),
            started_at: stat.started_at(),
            uid: proc::real_uid(pid)?,
            in_leaf,
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) instance: String,
    pub(crate) id: u32,
    pub(crate) run: u64,
    /// The main process of that run.
    pub(crate) main: u32,
}

impl Mark {
    pub(crate) fn parse(text: &str) -> Option<Mark> {
        let mut parts = text.split('.');
        let mark = Mark {
            instance: parts.next()?.to_owned(),
            id: parts.next()?.parse().ok()?,
            run: parts.next()?.parse().ok()?,
            main: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(mark)
    }

    /// The mark of this instance that a process carries, if we may read it.
    pub(crate) fn of(pid: u32, instance: &str) -> Option<Mark> {
        Mark::parse(&proc::variable(pid, MARK)?).filter(|mark| mark.instance == instance)
    }
}

impl Trees {
    /// Finds out how trees can be held together here. `instance` names this daemon among all.
    ///
    /// # Errors
    /// Only where [`Choice::Cgroup`] cannot be had.
    pub fn open(instance: &str, choice: Choice) -> io::Result<Trees> {
        let by = |cgroups: Option<Cgroups>, detail: String| Trees {
            cgroups,
            sessions: Sessions::new(instance),
            outside: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            instance: instance.to_owned(),
            detail,
        };
        if choice == Choice::Session {
            return Ok(by(
                None,
                "session, mark and subreaper, as the configuration asks".to_owned(),
            ));
        }
        match Cgroups::open(instance) {
            Ok(cgroups) => {
                let detail = format!("cgroup v2 {}", cgroups.base().display());
                Ok(by(Some(cgroups), detail))
            }
            Err(error) if choice == Choice::Cgroup => Err(io::Error::new(
                error.kind(),
                format!("process_tree: no cgroup can be had: {error}"),
            )),
            Err(error) => Ok(by(
                None,
                format!("session, mark and subreaper, because no cgroup can be had: {error}"),
            )),
        }
    }

    /// `cgroup` or `session`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.cgroups.is_some() { "cgroup" } else { "session" }
    }

    /// In a few words: which cgroup, or why there is none.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The directory above all leaves.
    #[must_use]
    pub fn base(&self) -> Option<&std::path::Path> {
        self.cgroups.as_ref().map(Cgroups::base)
    }

    /// Where a process with this id is to be started.
    pub fn place(&mut self, id: u32) -> io::Result<Place> {
        let leaf = self.cgroups.as_mut().map(|cgroups| cgroups.leaf(id)).transpose()?;
        Ok(Place(leaf))
    }

    /// The main process of this id has been started by us, and nothing was left of those before it.
    pub fn started(&mut self, id: u32, main: u32) {
        self.outside.remove(&id);
        self.doubtful.remove(&id);
        if self.cgroups.is_none() {
            self.sessions.started(id, main);
        }
    }

    /// The main process of this id is one that a daemon before us started, whatever [`Trees::survivors`] said of it:
    /// a program may have overwritten its environment, and the mark with it.
    pub fn adopted(&mut self, id: u32, main: u32) {
        self.sessions.adopt(id, &[main]);
        self.bring_in(id);
    }

    /// The leaf of this id, and what has to be looked at by session.
    fn ways(&self, id: u32) -> (Option<&Cgroups>, Option<&Sessions>) {
        let by_session = self.cgroups.is_none() || self.outside.contains(&id);
        (self.cgroups.as_ref(), by_session.then_some(&self.sessions))
    }

    fn ways_mut(&mut self, id: u32) -> (Option<&mut Cgroups>, Option<&mut Sessions>) {
        let by_session = self.cgroups.is_none() || self.outside.contains(&id);
        (self.cgroups.as_mut(), by_session.then_some(&mut self.sessions))
    }

    /// Whether no member is left. Members that ended and that nobody has waited for yet do not count.
    ///
    /// For a tree that we started this takes no look at the processes of others: one small file of the cgroup, or the
    /// list of our own children. When it cannot be found out, the answer is no.
    #[must_use]
    pub fn is_empty(&mut self, id: u32) -> bool {
        let (cgroups, sessions) = self.ways_mut(id);
        cgroups.is_none_or(|cgroups| cgroups.is_empty(id)) && sessions.is_none_or(|sessions| sessions.is_empty(id))
    }

    /// All members there are.
    #[must_use]
    pub fn members(&self, id: u32) -> Vec<u32> {
        let (cgroups, sessions) = self.ways(id);
        let mut members = cgroups.map(|cgroups| cgroups.members(id)).unwrap_or_default();
        members.extend(
            sessions
                .into_iter()
                .flat_map(|sessions| sessions.members(id).into_keys()),
        );
        members
    }

    /// SIGTERM to each member, and SIGCONT after it, so that one that is stopped can obey.
    ///
    /// # Errors
    /// Not all could be signalled; the others were.
    pub fn terminate(&mut self, id: u32) -> io::Result<()> {
        let (cgroups, sessions) = self.ways_mut(id);
        let in_leaf = cgroups.map_or(Ok(()), |cgroups| cgroups.terminate(id));
        let by_session = sessions.map_or(Ok(()), |sessions| sessions.terminate(id));
        in_leaf.and(by_session)
    }

    /// SIGKILL to each member, and to whom they start meanwhile. In session mode a tree that multiplies faster than it
    /// can be killed is given up for now after a tenth of a second: the ends of those that were killed give an occasion
    /// to call this again.
    ///
    /// # Errors
    /// Not all could be signalled; the others were.
    pub fn kill(&mut self, id: u32) -> io::Result<()> {
        let (cgroups, sessions) = self.ways_mut(id);
        let in_leaf = cgroups.map_or(Ok(()), |cgroups| cgroups.kill(id));
        let by_session = sessions.map_or(Ok(()), |sessions| sessions.kill(id));
        in_leaf.and(by_session)
    }

    /// Something that becomes readable when the members change. Look with [`Trees::is_empty`] after it is in place.
    pub fn watch(&self, id: u32) -> io::Result<Watch> {
        let (cgroups, sessions) = self.ways(id);
        let mut watch = cgroups.map_or(Ok(Watch::default()), |cgroups| cgroups.watch(id))?;
        if let Some(sessions) = sessions {
            // One that has ended since needs no watching: whoever looks will see.
            let pidfds = sessions
                .members(id)
                .into_keys()
                .filter_map(|pid| identity::open(pid).ok());
            watch.ready.extend(pidfds);
        }
        Ok(watch)
    }

    /// This id will not be used again, for now.
    pub fn forget(&mut self, id: u32) {
        if let Some(cgroups) = &mut self.cgroups {
            cgroups.forget(id);
        }
        self.sessions.forget(id);
        self.outside.remove(&id);
        self.doubtful.remove(&id);
    }

    /// Nothing is to be left behind that is not in use.
    pub fn close(self) {
        if let Some(cgroups) = self.cgroups {
            cgroups.close();
        }
    }

    /// All that is left of what an earlier daemon of this instance started, by id. From here on it can be watched and
    /// ended like what we start ourselves, also if that daemon held it together in another way. `is_user` says whether
    /// the programs of an id are those of a user.
    pub fn survivors(&mut self, is_user: impl Fn(u32, u32) -> bool) -> BTreeMap<u32, Vec<Survivor>> {
        let mut found: BTreeMap<u32, Vec<Survivor>> = BTreeMap::new();
        let mut in_leaf = BTreeMap::new();
        if let Some(cgroups) = &mut self.cgroups {
            for id in cgroups.leaves() {
                in_leaf.extend(cgroups.members(id).into_iter().map(|pid| (pid, id)));
            }
        }
        // A daemon that was started by one of its own programs carries the mark of that one.
        let own = std::process::id();
        let others = proc::pids().unwrap_or_default().into_iter().filter(|pid| *pid != own);
        for pid in others {
            let leaf = in_leaf.get(&pid).copied();
            let mark = Mark::of(pid, &self.instance);
            let Some(id) = leaf.or(mark.as_ref().map(|mark| mark.id)) else {
                continue;
            };
            let mark = mark.filter(|mark| mark.id == id);
            found
                .entry(id)
                .or_default()
                .extend(Survivor::of(pid, mark.as_ref(), leaf.is_some()));
        }
        for (id, all) in &found {
            let strays: Vec<&Survivor> = all.iter().filter(|one| !one.in_leaf).collect();
            if strays.is_empty() {
                continue;
            }
            if !strays.iter().all(|one| is_user(*id, one.uid)) {
                self.doubtful.insert(*id);
            }
            let strays: Vec<u32> = strays.iter().map(|one| one.pid).collect();
            self.sessions.adopt(*id, &strays);
            self.bring_in(*id);
        }
        found
    }

    /// Puts members that only a mark, a session or their parents tell of into the leaf where they belong; where that is
    /// not permitted, or who they are is doubtful, they are looked after by session.
    fn bring_in(&mut self, id: u32) {
        let Some(cgroups) = &mut self.cgroups else { return };
        if self.doubtful.contains(&id) {
            self.outside.insert(id);
            return;
        }
        let came_in = cgroups.bring_in(id, || self.sessions.members(id).into_keys().collect());
        if came_in {
            self.sessions.forget(id);
        } else {
            self.outside.insert(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_whole_or_not_at_all() {
        assert_eq!(
            Mark::parse("ab.7.12.4711"),
            Some(Mark {
                instance: "ab".to_owned(),
                id: 7,
                run: 12,
                main: 4711
            })
        );
        for bad in ["", "ab", "ab.7", "ab.7.12", "ab.x.1.1", "ab.7.1.2.3", "ab.7.1."] {
            assert_eq!(Mark::parse(bad), None, "{bad}");
        }
    }
}
