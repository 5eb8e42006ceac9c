//! Trees by cgroup v2 (cgroups(7); the kernel's Documentation/admin-guide/cgroup-v2.rst).

use super::Watch;
use crate::identity;
use rustix::event::epoll;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

/// The cgroup of this daemon's programs, and a leaf for each.
#[derive(Debug)]
pub(super) struct Cgroups {
    base: PathBuf,
    dir: OwnedFd,
    /// Leaves that are known to be there.
    made: BTreeSet<u32>,
    /// Of these, the ones that may have been killed. Linux 6.14 and later kill whatever is started into such a one by
    /// CLONE_INTO_CGROUP, for ever after (clone3 compares its count of kills with that of the parent's own cgroup): the
    /// next program needs a new one.
    spent: BTreeSet<u32>,
}

/// A tree that still brings forth members outside its leaf after so many looks is taken as it is.
const BRING_IN_ROUNDS: usize = 10;

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::RDONLY);

impl Cgroups {
    /// Makes the cgroup below our own and tries a leaf.
    pub(super) fn open(instance: &str) -> io::Result<Cgroups> {
        let name = format!("pmon3-{instance}");
        let own = own_cgroup()?;
        // One of our programs may have started us: then we are in its leaf, and would be killed with it.
        let own = match above(&own, &name) {
            Some(outer) => {
                fs::write(outer.join("cgroup.procs"), "0").map_err(|error| named(&error, "leaving our own leaf"))?;
                outer.to_path_buf()
            }
            None => own,
        };
        let base = own.join(name);
        make_dir(&base)?;
        let dir = rustix::fs::open(&base, DIRECTORY, Mode::empty())?;
        let cgroups = Cgroups {
            base,
            dir,
            made: BTreeSet::new(),
            spent: BTreeSet::new(),
        };
        cgroups.try_out().inspect_err(|_| drop(fs::remove_dir(&cgroups.base)))?;
        Ok(cgroups)
    }

    /// Whether everything that we rely on works: a leaf, the file that kills, the file that counts, and putting somebody in.
    fn try_out(&self) -> io::Result<()> {
        let probe = self.base.join("probe");
        make_dir(&probe)?;
        let tried = (|| {
            fs::OpenOptions::new()
                .write(true)
                .open(probe.join("cgroup.kill"))
                .map_err(|error| named(&error, "cgroup.kill"))?;
            let events =
                fs::read_to_string(probe.join("cgroup.events")).map_err(|error| named(&error, "cgroup.events"))?;
            if !events.lines().any(|line| line == "populated 0") {
                return Err(io::Error::other(
                    "cgroup.events does not say whether a cgroup is populated",
                ));
            }
            enter_and_leave(&probe)
        })();
        let removed = fs::remove_dir(&probe);
        tried?;
        removed
    }

    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The directory of a leaf, made if it is not there.
    pub(super) fn leaf(&mut self, id: u32) -> io::Result<OwnedFd> {
        let name = id.to_string();
        // Before a start it is empty; where somebody is still in it, it cannot be removed, and is not spent for them.
        if self.spent.contains(&id) && self.is_empty(id) {
            self.forget(id);
        }
        if self.made.insert(id) {
            self.make(&name)?;
        }
        match openat(&self.dir, &name, DIRECTORY | OFlags::PATH, Mode::empty()) {
            Err(Errno::NOENT) => {
                // Somebody has tidied up.
                self.make(&name)?;
                Ok(openat(&self.dir, &name, DIRECTORY | OFlags::PATH, Mode::empty())?)
            }
            result => Ok(result?),
        }
    }

    fn make(&self, name: &str) -> io::Result<()> {
        match mkdirat(&self.dir, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The ids of all leaves that are there.
    pub(super) fn leaves(&mut self) -> Vec<u32> {
        let ids: Vec<u32> = subdirectories(&self.dir)
            .iter()
            .filter_map(|name| name.parse().ok())
            .collect();
        self.made.extend(&ids);
        // Nobody knows what a daemon before us did to them.
        self.spent.extend(&ids);
        ids
    }

    /// Counts what is alive, in cgroups below as well.
    pub(super) fn is_empty(&self, id: u32) -> bool {
        let populated = || -> Result<bool, Errno> {
            let mut text = [0; 128];
            let length = rustix::io::read(self.events(id)?, &mut text)?;
            Ok(text[..length]
                .split(|byte| *byte == b'\n')
                .any(|line| line == b"populated 1"))
        };
        match populated() {
            Ok(populated) => !populated,
            // It is not there: nobody can be in it.
            Err(Errno::NOENT | Errno::NODEV) => true,
            // Not known. To call it empty could start a program beside its predecessor.
            Err(_) => false,
        }
    }

    fn events(&self, id: u32) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        openat(&self.dir, format!("{id}/cgroup.events"), flags, Mode::empty())
    }

    pub(super) fn members(&self, id: u32) -> Vec<u32> {
        let mut pids = Vec::new();
        if let Ok(leaf) = openat(&self.dir, id.to_string(), DIRECTORY, Mode::empty()) {
            for_each_below(&leaf, &mut |dir| pids.extend(procs(dir)));
        }
        pids
    }

    pub(super) fn terminate(&mut self, id: u32) -> io::Result<()> {
        self.signal_each(id, &[Signal::TERM, Signal::CONT])
    }

    fn signal_each(&self, id: u32, signals: &[Signal]) -> io::Result<()> {
        let mut result = Ok(());
        // The same, and no other, cgroup stands in /proc/PID/cgroup of each member.
        for pid in self.members(id) {
            let Ok(pidfd) = identity::open(pid) else { continue };
            // The descriptor is held: if the number is still a member's now, the descriptor is that member's.
            if !self.is_member(id, pid) {
                continue;
            }
            for signal in signals {
                match pidfd_send_signal(&pidfd, *signal) {
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(error) => result = Err(io::Error::from(error)),
                }
            }
        }
        result
    }

    fn is_member(&self, id: u32, pid: u32) -> bool {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/cgroup")) else {
            return false;
        };
        let Some(path) = text.lines().find_map(|line| line.strip_prefix("0::")) else {
            return false;
        };
        let leaf = self.base.join(id.to_string());
        // As seen from the root of our namespace the path ends like the leaf's, or goes on below it.
        let (Some(base), Some(leaf)) = (self.base.file_name(), leaf.file_name()) else {
            return false;
        };
        let mut names = Path::new(path).iter();
        names.any(|name| name == base) && names.next() == Some(leaf)
    }

    pub(super) fn kill(&mut self, id: u32) -> io::Result<()> {
        self.spent.insert(id);
        match openat(
            &self.dir,
            format!("{id}/cgroup.kill"),
            OFlags::WRONLY | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(file) => fs::File::from(file).write_all(b"1"),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Each change of `cgroup.events` since it was last read raises POLLPRI on it. An epoll in between makes that a
    /// descriptor that is simply readable. (An inotify would do as well, but a user may have no more than 128 of them.)
    pub(super) fn watch(&self, id: u32) -> io::Result<Watch> {
        let events = self.events(id)?;
        rustix::io::read(&events, &mut [0; 128])?;
        let changed = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&changed, &events, epoll::EventData::new_u64(0), epoll::EventFlags::PRI)?;
        Ok(Watch {
            ready: vec![changed],
            kept: vec![events],
        })
    }

    /// Moves members that are elsewhere into their leaf, until no new ones are found. `false`: not all could be moved.
    pub(super) fn bring_in(&mut self, id: u32, members: impl Fn() -> Vec<u32>) -> bool {
        for _ in 0..BRING_IN_ROUNDS {
            let inside: BTreeSet<u32> = self.members(id).into_iter().collect();
            let outside: Vec<u32> = members().into_iter().filter(|pid| !inside.contains(pid)).collect();
            if outside.is_empty() {
                return true;
            }
            let Ok(leaf) = self.leaf(id) else { return false };
            for pid in outside {
                match move_to(&leaf, pid) {
                    // What has ended needs no moving.
                    Ok(()) | Err(Errno::SRCH) => {}
                    Err(_) => return false,
                }
            }
        }
        false
    }

    pub(super) fn forget(&mut self, id: u32) {
        self.made.remove(&id);
        self.spent.remove(&id);
        remove_tree(&self.dir, &id.to_string());
    }

    pub(super) fn close(self) {
        for name in subdirectories(&self.dir) {
            remove_tree(&self.dir, &name);
        }
        // Fails while programs run in it, and stays for whoever comes back.
        let _ = fs::remove_dir(&self.base);
    }
}

fn move_to(leaf: &OwnedFd, pid: u32) -> Result<(), Errno> {
    let procs = openat(leaf, "cgroup.procs", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(procs, pid.to_string().as_bytes()).map(drop)
}

/// What is above the first part of a path with this name.
fn above<'a>(path: &'a Path, name: &str) -> Option<&'a Path> {
    let inner = path
        .ancestors()
        .filter(|part| part.file_name().is_some_and(|found| found == name));
    inner.last()?.parent()
}

fn named(error: &io::Error, file: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{file}: {error}"))
}

fn make_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// A child goes in and ends there: by that we know that we may put others in.
fn enter_and_leave(leaf: &Path) -> io::Result<()> {
    use crate::spawn::probe;
    let dir = rustix::fs::open(leaf, DIRECTORY | OFlags::PATH, Mode::empty())?;
    probe(dir)
}

/// Where our own cgroup v2 is mounted (proc(5), `/proc/PID/mountinfo`; cgroups(7), `/proc/PID/cgroup`).
fn own_cgroup() -> io::Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let cgroups = fs::read_to_string("/proc/self/cgroup")?;
    find_own_cgroup(&mounts, &cgroups)
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no cgroup v2 is mounted that we are in"))
}

fn find_own_cgroup(mounts: &str, cgroups: &str) -> Option<PathBuf> {
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (unescape(fields.next()?), unescape(fields.next()?));
        // A mount shows a part of the hierarchy: ours is in it only if its root is above us.
        let below = Path::new(path).strip_prefix(&root).ok()?;
        // `/../x`: we are outside what our cgroup namespace shows (cgroup_namespaces(7)).
        if below.components().any(|part| part == Component::ParentDir) {
            return None;
        }
        Some(Path::new(&point).join(below))
    })
}

/// Blanks and the like stand as octal numbers in mountinfo.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

fn procs(dir: &OwnedFd) -> Vec<u32> {
    let Ok(file) = openat(dir, "cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
        return Vec::new();
    };
    let mut text = String::new();
    if fs::File::from(file).read_to_string(&mut text).is_err() {
        return Vec::new();
    }
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn subdirectories(dir: impl AsFd) -> Vec<String> {
    let Ok(entries) = Dir::read_from(dir) else {
        return Vec::new();
    };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_dir())
        .filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| name != "." && name != "..")
        .collect()
}

/// A program may have made cgroups of its own below its leaf: containers do.
fn for_each_below(dir: &OwnedFd, f: &mut impl FnMut(&OwnedFd)) {
    f(dir);
    for name in subdirectories(dir) {
        if let Ok(below) = openat(dir, name, DIRECTORY, Mode::empty()) {
            for_each_below(&below, f);
        }
    }
}

/// Removes a cgroup and those below it; one that is in use stays.
fn remove_tree(parent: &OwnedFd, name: &str) {
    if let Ok(dir) = openat(parent, name, DIRECTORY, Mode::empty()) {
        for below in subdirectories(&dir) {
            remove_tree(&dir, &below);
        }
    }
    let _ = unlinkat(parent, name, AtFlags::REMOVEDIR);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cgroup_is_found_in_unified_hybrid_and_namespaced_layouts() {
        let unified = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
        assert_eq!(
            find_own_cgroup(unified, "0::/system.slice/pmond.service\n"),
            Some(PathBuf::from("/sys/fs/cgroup/system.slice/pmond.service"))
        );
        let hybrid = "25 20 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      26 20 0:23 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            find_own_cgroup(hybrid, "1:cpu:/\n0::/\n"),
            Some(PathBuf::from("/sys/fs/cgroup/unified"))
        );
        let part = "30 23 0:26 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        assert_eq!(
            find_own_cgroup(part, "0::/docker/abc/x\n"),
            Some(PathBuf::from("/sys/fs/cgroup/x"))
        );
        assert_eq!(find_own_cgroup(part, "0::/elsewhere\n"), None);
        assert_eq!(find_own_cgroup(unified, "0::/../elsewhere\n"), None);
        assert_eq!(
            find_own_cgroup(
                "25 20 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
                "1:cpu:/\n"
            ),
            None
        );
    }

    #[test]
    fn our_own_leaf_is_left_for_where_its_base_is() {
        assert_eq!(
            above(Path::new("/sys/a/pmon3-1/7/x"), "pmon3-1"),
            Some(Path::new("/sys/a"))
        );
        assert_eq!(
            above(Path::new("/sys/a/pmon3-1/7/pmon3-1/8"), "pmon3-1"),
            Some(Path::new("/sys/a")),
            "the outermost"
        );
        assert_eq!(above(Path::new("/sys/a/pmon3-2/7"), "pmon3-1"), None);
    }
}
