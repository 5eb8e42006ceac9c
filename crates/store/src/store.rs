//! The open database.

use crate::create::{self, create};
use crate::error::{StoreError, one_line};
use crate::file::{self, Look, journal_of};
use crate::predecessor;
use crate::row::{self, BadValue};
use crate::schema::{self, APPLICATION_ID, STEPS, VERSION};
use pmon3_supervisor::{Change, Group, Record};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Row, TransactionBehavior, ffi};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a write waits for another program that is writing to the file (a person with `sqlite3`).
const BUSY: Duration = Duration::from_secs(2);

/// All that was remembered.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The processes, by id.
    pub records: Vec<Record>,
    /// The groups, by id.
    pub groups: Vec<Group>,
    /// What the log should say about how the file was taken up, one sentence each.
    pub notes: Vec<String>,
}

/// The database of one daemon. See the [crate's documentation](crate).
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    /// Device and inode of the file that is open.
    inode: (u64, u64),
    connection: Connection,
    /// What `PRAGMA synchronous` says now; `None` before the first write.
    full: Option<bool>,
    /// The disk reported an error: what the log holds may not be on disk, although SQLite takes it to be.
    doubtful: bool,
    notes: Vec<String>,
}

impl Store {
    /// Opens the database, and makes it (mode 0600, in a directory that is there) if there is none.
    ///
    /// The caller holds the lock of the data directory. With an error, the file is as it was.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        let path = file::resolve(path)?;
        let mut notes = Vec::new();
        match file::look(&path)? {
            Look::Absent => create(&path, |_| Ok(()))?,
            Look::Ours => {}
            Look::Unmarked { log } => notes = predecessor::take_over(&path, log)?,
        }
        let connection = connect(&path)?;
        let inode = inode(&path).map_err(|e| StoreError::io(&path, e))?;
        Ok(Store {
            path,
            inode,
            connection,
            full: None,
            doubtful: false,
            notes,
        })
    }

    /// Reads everything. Only the first call has notes.
    ///
    /// A value that has no meaning is an error that names its table, row and column; the file is as it was.
    pub fn load(&mut self) -> Result<Loaded, StoreError> {
        let records = self.all(row::ALL_PROCESSES, row::process)?;
        let groups = self.all(row::ALL_GROUPS, row::group)?;
        // From here on the file is known to be good.
        keep_log_at_close(&self.connection, false).map_err(|e| StoreError::sqlite(&self.path, &e))?;
        Ok(Loaded {
            records,
            groups,
            notes: std::mem::take(&mut self.notes),
        })
    }

    /// Writes all of `changes`, in their order, or none of them.
    ///
    /// `durable`: when this returns, they survive a loss of power (and so does everything that was written before).
    /// Otherwise they survive the death of the daemon, and a loss of power takes at most the newest writes, in whole
    /// calls.
    pub fn save(&mut self, changes: &[Change], durable: bool) -> Result<(), StoreError> {
        if inode(&self.path).ok() != Some(self.inode) {
            return Err(StoreError::Moved {
                path: self.path.clone(),
            });
        }
        self.write(changes, durable).map_err(|error| {
            self.doubtful |= error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure);
            StoreError::sqlite(&self.path, &error)
        })
    }

    fn write(&mut self, changes: &[Change], durable: bool) -> rusqlite::Result<()> {
        if self.doubtful {
            // A page that could not be written counts as written at the next fsync. So nothing more goes behind it:
            // the whole log is brought home and begun anew.
            let busy: bool = self
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None));
            }
            self.doubtful = false;
        }
        if self.full != Some(durable) {
            let level = if durable { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            self.full = Some(durable);
        }
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for change in changes {
            match change {
                Change::Put(record) => row::put_process(&transaction, record)?,
                Change::Forget(id) => {
                    transaction.prepare_cached(row::FORGET_PROCESS)?.execute([id.0])?;
                }
                Change::PutGroup(group) => row::put_group(&transaction, group)?,
                Change::ForgetGroup(id) => {
                    transaction.prepare_cached(row::FORGET_GROUP)?.execute([id.0])?;
                }
            }
        }
        transaction.commit()
    }

    fn all<T>(&self, query: &str, read: fn(&Row<'_>) -> Result<T, BadValue>) -> Result<Vec<T>, StoreError> {
        let sqlite = |error| StoreError::sqlite(&self.path, &error);
        let mut statement = self.connection.prepare(query).map_err(sqlite)?;
        let mut rows = statement.query([]).map_err(sqlite)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(sqlite)? {
            all.push(read(row).map_err(|bad| bad.of(&self.path))?);
        }
        Ok(all)
    }
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Opens a file that [`file::look`] found to be ours, and reads through all of its structure.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    // An empty log holds nothing that could be moved, and goes with the connection.
    let log = journal_of(path).is_some();
    let mut connection = create::open(path).map_err(sqlite)?;
    keep_log_at_close(&connection, log).map_err(sqlite)?;
    connection.busy_timeout(Duration::ZERO).map_err(sqlite)?;
    harden(&connection).map_err(sqlite)?;
    check(path, &connection)?;
    schema::migrate(&mut connection, STEPS).map_err(sqlite)?;
    for statement in [row::ALL_PROCESSES, row::ALL_GROUPS, row::PUT_PROCESS, row::PUT_GROUP] {
        connection.prepare(statement).map_err(|error| StoreError::Damaged {
            path: path.to_owned(),
            detail: one_line(&error.to_string()),
        })?;
    }
    settings(&connection).map_err(sqlite)?;
    connection.busy_timeout(BUSY).map_err(sqlite)?;
    Ok(connection)
}

/// Before anything is read: little memory, and no trust in what a schema may call.
fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.execute_batch("PRAGMA cache_size = -256; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;")
}

fn check(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let sqlite = |error: rusqlite::Error| StoreError::sqlite(path, &error);
    let found: String = connection
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .map_err(sqlite)?;
    if found != "ok" {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            detail: one_line(&found),
        });
    }
    // Again, as the newest header may be in the log.
    let application: u32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(sqlite)?;
    let version = schema::version(connection).map_err(sqlite)?;
    if application != APPLICATION_ID || version == 0 {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            detail: "its header was changed".to_owned(),
        });
    }
    if version > VERSION {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    Ok(())
}

/// A write-ahead log: a commit is one append, and at most one fsync. It goes home at 1 MiB, and does not stay longer
/// than that.
fn settings(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(4);
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    connection.query_row("PRAGMA wal_autocheckpoint = 256", [], |_| Ok(()))?;
    connection.query_row("PRAGMA journal_size_limit = 1048576", [], |_| Ok(()))
}

/// Whether closing leaves the write-ahead log where it is, so that looking at a file does not change it.
fn keep_log_at_close(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep)
        .map(drop)
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
