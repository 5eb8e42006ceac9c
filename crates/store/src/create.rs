//! How a new database comes to be: built under another name, put on disk, then renamed. So it is whole or absent.

use crate::error::StoreError;
use crate::file::beside;
use crate::schema::{self, APPLICATION_ID, STEPS};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes the database `path`, which `fill` may write to before anybody can see it. Replaces what is there.
pub(crate) fn create(
    path: &Path,
    fill: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let new = beside(path, ".new");
    let made = build(path, &new, fill).and_then(|()| {
        fs::rename(&new, path)
            .and_then(|()| sync_directory(path))
            .map_err(|e| StoreError::io(path, e))
    });
    if made.is_err() {
        // Whatever is left of it would be removed by the next attempt, too.
        let _ = fs::remove_file(&new);
    }
    made
}

/// Its errors are told of `path`, the name that people know.
fn build(
    path: &Path,
    new: &Path,
    fill: impl FnOnce(&mut Connection) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let io = |error| StoreError::io(path, error);
    let sqlite = |error| StoreError::sqlite(path, &error);
    remove_if_there(new).map_err(io)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(new)
        .map_err(io)?;
    let mut connection = open(new).map_err(sqlite)?;
    // Nobody relies on this file before it is synced as a whole, and it needs no journal.
    connection
        .execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;")
        .map_err(sqlite)?;
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(sqlite)?;
    schema::migrate(&mut connection, STEPS).map_err(sqlite)?;
    fill(&mut connection).map_err(sqlite)?;
    connection.close().map_err(|(_, error)| sqlite(error))?;
    File::open(new).and_then(|file| file.sync_all()).map_err(io)
}

/// Opens a database that is there, for reading and writing.
pub(crate) fn open(path: &Path) -> rusqlite::Result<Connection> {
    // One thread has the connection at a time: SQLite needs no mutexes of its own.
    Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
}

/// Puts the names in the directory of `path` on disk.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

/// Removes a file of ours, if an attempt that died has left it.
pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
