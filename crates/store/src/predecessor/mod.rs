//! Takes over the `data.db` of the predecessor (pmon3 1.x, written in Go, its tables made by GORM).
//!
//! The predecessor's file is never converted in place. It is copied; the copy is recovered, checked and read; a new
//! database is built from it; and when all of that is on disk, a rename puts the new one in its place. The copy stays
//! as `data.db.predecessor`, so nothing is lost, and the way back is a rename. A crash at any point leaves the
//! predecessor's file where it was, and the next start begins again. With an error it was not touched at all.

mod convert;
mod names;
mod read;
mod time;

use crate::create::{create, open, remove_if_there, sync_directory};
use crate::error::{StoreError, one_line};
use crate::file::{beside, journal_of};
use crate::row;
use pmon3_supervisor::{Group, Record};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// What became of the predecessor's rows.
#[derive(Debug, Default)]
struct Inheritance {
    records: Vec<Record>,
    groups: Vec<Group>,
    /// What is not as it was, one sentence each.
    notes: Vec<String>,
}

/// Replaces the predecessor's database by one of ours, and returns what the log should say about it.
///
/// `log`: the file has, or may have, a write-ahead log.
pub(crate) fn take_over(path: &Path, log: bool) -> Result<Vec<String>, StoreError> {
    if !log && journal_of(path).is_none() {
        refuse_strangers(path)?;
    }
    let copy = Copy::make(path)?;
    let inheritance = copy.read(path)?;
    settle(path)?;
    let kept = copy.keep(path)?;
    create(path, |connection| {
        let transaction = connection.transaction()?;
        inheritance
            .records
            .iter()
            .try_for_each(|record| row::put_process(&transaction, record))?;
        inheritance
            .groups
            .iter()
            .try_for_each(|group| row::put_group(&transaction, group))?;
        transaction.commit()
    })?;
    let mut notes = vec![format!(
        "took over the database of the predecessor (processes: {}, groups: {}); its file is kept as {}",
        inheritance.records.len(),
        inheritance.groups.len(),
        kept.display()
    )];
    notes.extend(inheritance.notes);
    Ok(notes)
}

/// Tells the database of another application without a copy of it. Not for a file with a journal or a write-ahead log:
/// SQLite would tidy up there.
fn refuse_strangers(path: &Path) -> Result<(), StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(sqlite)?;
    connection.busy_timeout(Duration::ZERO).map_err(sqlite)?;
    match read::table(&connection).map_err(sqlite)? {
        Some(_) => Ok(()),
        None => Err(stranger(path)),
    }
}

fn stranger(path: &Path) -> StoreError {
    StoreError::Foreign {
        path: path.to_owned(),
        detail: "it is the SQLite database of another application".to_owned(),
    }
}

/// A copy of the predecessor's file, and of the journal beside it, under names of our own. Removed when dropped.
struct Copy(PathBuf);

impl Copy {
    fn make(path: &Path) -> Result<Copy, StoreError> {
        let copy = Copy(beside(path, ".predecessor.new"));
        copy.remove().map_err(|e| StoreError::io(path, e))?;
        for suffix in ["", "-wal", "-journal"] {
            match fs::copy(beside(path, suffix), beside(&copy.0, suffix)) {
                Err(error) if suffix.is_empty() || error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io(path, error));
                }
                _ => {}
            }
        }
        Ok(copy)
    }

    /// Lets SQLite recover and check the copy, and reads it. Its errors are told of the original.
    fn read(&self, path: &Path) -> Result<Inheritance, StoreError> {
        let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
        let connection = open(&self.0).map_err(sqlite)?;
        let found: String = connection
            .pragma_query_value(None, "integrity_check", |row| row.get(0))
            .map_err(sqlite)?;
        if found != "ok" {
            return Err(StoreError::Damaged {
                path: path.to_owned(),
                detail: one_line(&found),
            });
        }
        let table = read::table(&connection)
            .map_err(sqlite)?
            .ok_or_else(|| stranger(path))?;
        let old = read::all(&connection, table).map_err(|error| error.of(path))?;
        connection.close().map_err(|(_, error)| sqlite(error))?;
        Ok(convert::convert(old, SystemTime::now()))
    }

    /// Gives the copy the name under which it stays.
    fn keep(self, path: &Path) -> Result<PathBuf, StoreError> {
        let keep = || {
            File::open(&self.0)?.sync_all()?;
            let name = free_name(path, &self.0)?;
            fs::rename(&self.0, &name)?;
            sync_directory(path)?;
            Ok(name)
        };
        keep().map_err(|error| StoreError::io(path, error))
    }

    fn remove(&self) -> io::Result<()> {
        ["", "-wal", "-shm", "-journal"]
            .into_iter()
            .try_for_each(|suffix| remove_if_there(&beside(&self.0, suffix)))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next take-over.
        let _ = self.remove();
    }
}

/// `data.db.predecessor`, or with a number behind it where that is taken by something else than the same copy, made by
/// a take-over that did not reach its end.
fn free_name(path: &Path, copy: &Path) -> io::Result<PathBuf> {
    let content = fs::read(copy)?;
    let mut name = beside(path, ".predecessor");
    for number in 2_u32.. {
        match fs::read(&name) {
            Ok(there) if there != content => name = beside(path, &format!(".predecessor.{number}")),
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(name)
}

/// Lets SQLite finish what the predecessor left unfinished, so that no journal of its file stays behind: SQLite would
/// apply it to the new file. Refuses where another program is at work in the file.
fn settle(path: &Path) -> Result<(), StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let connection = open(path).map_err(sqlite)?;
    connection.busy_timeout(Duration::ZERO).map_err(sqlite)?;
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(sqlite)?;
    connection.close().map_err(|(_, error)| sqlite(error))?;
    match journal_of(path) {
        None => Ok(()),
        Some(_) => Err(StoreError::Locked { path: path.to_owned() }),
    }
}
