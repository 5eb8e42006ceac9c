//! Following a log while it is written, truncated, replaced, removed and made again.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

use super::read::{Lines, start_of};
use super::{LogError, open_regular, parent, with_rights};
use crate::user::Credentials;

/// What is watched of the log's directory: whatever may change which file the path leads to, or whether we may open it.
const DIRECTORY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What is watched of the file: writing, truncating, and losing its name (a change of its attributes).
const FILE: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE_SELF);

/// Reads a log to its end, and then what is added to it.
///
/// Its descriptor ([`AsFd`]) becomes readable when there may be more: call [`read_new`](Follower::read_new) until it returns 0, then wait for the
/// descriptor again. Edge-triggered waiting (tokio's `AsyncFd`) is fine.
///
/// - A file that became shorter than what was read is read from its start.
/// - A file that was replaced (renamed and made again, or removed and made again) is read to its end, and its successor from
///   the start once that has content.
/// - A log that does not exist yet is waited for.
///
/// Which file the path leads to is watched by its directory, which `owner` must be allowed to read for that; else a
/// replacement is only noticed when something happens to the old file. The same holds for a link to a file elsewhere, and for a
/// directory that is removed some time after the file was.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    name: OsString,
    owner: Credentials,
    inotify: OwnedFd,
    directory: Option<i32>,
    /// Being read.
    current: Option<Followed>,
    /// At the path by now, but still empty.
    next: Option<Followed>,
    /// The path may lead to another file than before.
    look: bool,
}

#[derive(Debug)]
struct Followed {
    file: File,
    inode: (u64, u64),
    watch: i32,
    position: u64,
}

impl Follower {
    /// Begins with the chosen lines of what the log holds now.
    ///
    /// # Errors
    /// When the directory does not exist, or what is at the path cannot be read. `EMFILE` may mean that the user of
    /// this process has too many followers: `fs.inotify.max_user_instances`, `inotify(7)`.
    pub fn open(path: &Path, owner: &Credentials, lines: Lines) -> Result<Follower, LogError> {
        let failed = |error: Errno| LogError::io("watch", path, error);
        let name = path
            .file_name()
            .ok_or_else(|| LogError::io("open", path, io::ErrorKind::InvalidInput))?;
        let mut follower = Follower {
            path: path.to_owned(),
            name: name.to_owned(),
            owner: owner.clone(),
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(failed)?,
            directory: None,
            current: None,
            next: None,
            look: false,
        };
        match follower.open_path()? {
            Ok(file) => {
                let end = file
                    .metadata()
                    .map_err(|error| LogError::io("look at", path, error))?
                    .len();
                let position = start_of(&file, end, lines).map_err(|error| LogError::io("read", path, error))?;
                follower.current = Some(follower.follow(file, position)?);
            }
            Err(error) if error.is_missing() && follower.directory.is_some() => {}
            Err(error) => return Err(error),
        }
        Ok(follower)
    }

    /// What was added since the last call, as much as fits. 0: nothing for now (if `buf` is not empty).
    ///
    /// # Errors
    /// `NotFound` when the log's directory is gone. After an error the follower is of no more use.
    pub fn read_new(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // First the events, then the file: what is written after we saw its end makes a new event.
        self.take_events()?;
        loop {
            if let Some(current) = &mut self.current {
                match current.read(buf)? {
                    0 => {}
                    n => return Ok(n),
                }
            }
            let successor = match &self.next {
                Some(next) => self.current.is_none() || next.file.metadata()?.len() > 0,
                None => false,
            };
            if successor {
                let former = std::mem::replace(&mut self.current, self.next.take());
                self.release(former);
            } else if std::mem::take(&mut self.look) {
                self.look_again()?;
            } else {
                return Ok(0);
            }
        }
    }

    /// Waits until [`read_new`](Follower::read_new) may have something, at most so long; false: it took too long.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = timeout
            .map(Timespec::try_from)
            .transpose()
            .map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&self.inotify, PollFlags::IN)], timeout.as_ref()) {
            Ok(0) => Ok(false),
            Ok(_) | Err(Errno::INTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn take_events(&mut self) -> io::Result<()> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let about = event.events();
            if about.contains(ReadFlags::QUEUE_OVERFLOW) {
                self.look = true;
            } else if Some(event.wd()) != self.directory {
                self.look |= !about.difference(ReadFlags::MODIFY).is_empty();
            } else {
                // Without a name it is about the directory itself.
                self.look |= event
                    .file_name()
                    .is_none_or(|name| name.to_bytes() == self.name.as_bytes());
            }
        }
    }

    /// Finds out whether the path leads to another file by now; that one is the next to be read.
    fn look_again(&mut self) -> io::Result<()> {
        let file = match self.open_path()? {
            Ok(file) => file,
            // Not there, not yet given to the user, or no file: there may be one later, and we will be told.
            Err(LogError::NotAFile { .. }) => return Ok(()),
            Err(LogError::Io { source, .. })
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let inode = inode(&file)?;
        if [&self.current, &self.next]
            .into_iter()
            .flatten()
            .all(|known| known.inode != inode)
        {
            let next = self.follow(file, 0)?;
            let former = self.next.replace(next);
            self.release(former);
        }
        Ok(())
    }

    /// Watches the directory that the path leads to by now, and opens the file; all as the user.
    fn open_path(&mut self) -> Result<Result<File, LogError>, LogError> {
        let Follower {
            path, owner, inotify, ..
        } = self;
        let directory = parent(path);
        let (watch, file) = with_rights(owner, path, || {
            // The directory first, so that a change after this look cannot be missed. Watching it again costs nothing.
            let watch = match inotify::add_watch(&*inotify, directory, DIRECTORY) {
                Ok(watch) => Some(watch),
                // It may be entered, but not read: the file may be readable nevertheless.
                Err(Errno::ACCESS) => None,
                Err(error) => return Err(LogError::io("watch the directory", directory, error)),
            };
            Ok((watch, open_regular(path)))
        })?;
        let former = std::mem::replace(&mut self.directory, watch);
        if let Some(former) = former.filter(|_| former != watch) {
            self.unwatch(former);
        }
        Ok(file)
    }

    fn follow(&self, file: File, position: u64) -> Result<Followed, LogError> {
        // By descriptor, so that it is surely this file that is watched and not one that took its name meanwhile.
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        let watch =
            inotify::add_watch(&self.inotify, link, FILE).map_err(|error| LogError::io("watch", &self.path, error))?;
        let inode = inode(&file).map_err(|error| LogError::io("look at", &self.path, error))?;
        Ok(Followed {
            file,
            inode,
            watch,
            position,
        })
    }

    fn release(&self, followed: Option<Followed>) {
        if let Some(followed) = followed {
            self.unwatch(followed.watch);
        }
    }

    fn unwatch(&self, watch: i32) {
        // Fails if what was watched is gone, and then the watch is gone as well.
        let _ = inotify::remove_watch(&self.inotify, watch);
    }
}

impl AsFd for Follower {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

impl AsRawFd for Follower {
    fn as_raw_fd(&self) -> RawFd {
        self.inotify.as_raw_fd()
    }
}

impl Followed {
    /// Reads on; from the start if the file is shorter than what was read of it.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut n = self.file.read_at(buf, self.position)?;
        if n == 0 && self.file.metadata()?.len() < self.position {
            self.position = 0;
            n = self.file.read_at(buf, 0)?;
        }
        self.position += n as u64;
        Ok(n)
    }
}

fn inode(file: &File) -> io::Result<(u64, u64)> {
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
