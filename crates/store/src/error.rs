//! Why the store cannot be read or written, in one line that says what to do.

use rusqlite::{ErrorCode, ffi};
use std::io;
use std::path::{Path, PathBuf};

/// Why the file cannot be used. Each names it.
///
/// From [`Store::open`](crate::Store::open) and [`Store::load`](crate::Store::load): the file is as it was before.
/// From [`Store::save`](crate::Store::save): nothing of that call was kept; the next call works as soon as the cause
/// has ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system does not let us read it, or make it.
    #[error("cannot open the database {}: {error}: pmond must be able to read and write it and its directory", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// It holds something else.
    #[error("{} is not a database of pmond ({detail}): move it away, or set data_dir to another directory", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        detail: String,
    },
    /// A part of it is missing.
    #[error("the database {} is cut short ({detail}): restore it from a backup, or move it away to start with no processes", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How much is there.
        detail: String,
    },
    /// Its structure is broken.
    #[error("the database {} is damaged ({detail}): restore it from a backup, or move it away to start with no processes", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// One value in it has no meaning.
    #[error("the database {} is damaged (table {table}, id {id}, column {column}: {problem}): correct that value, restore the file from a backup, or move it away to start with no processes", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The table.
        table: &'static str,
        /// The row.
        id: i64,
        /// The column.
        column: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A newer pmond wrote it.
    #[error("the database {} was written by a newer pmond (format {found}, this one knows {known}): install that version again, or move the file away to start with no processes", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// Another program holds it.
    #[error("the database {} is locked by another program: end that program (`fuser {}` shows it)", path.display(), path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Somebody took it away while we had it open: nothing that is written now would be found again.
    #[error("the database {} was removed or replaced while pmond was running: put it back", path.display())]
    Moved {
        /// The file.
        path: PathBuf,
    },
    /// There is no room for it.
    #[error("no space left for the database {}: free some on that file system", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// It, its directory or its file system may not be written.
    #[error("the database {} cannot be written ({detail}): make the file, its directory and its file system writable", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// The disk, or the file system, reports a fault.
    #[error("the disk reports an error on the database {} ({detail}): see the kernel's log (`dmesg`)", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// SQLite refuses for another reason (out of memory, an error of ours).
    #[error("the database {} cannot be used: {detail}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        detail: String,
    },
}

impl StoreError {
    /// Sorts what SQLite said by what a person can do about it.
    pub(crate) fn sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let detail = describe(error);
        // What SQLite shares between processes lies in a file as well, and must find room.
        if error
            .sqlite_error()
            .is_some_and(|e| e.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
        {
            return StoreError::Full { path };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, detail },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                StoreError::Locked { path }
            }
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                StoreError::ReadOnly { path, detail }
            }
            Some(ErrorCode::SystemIoFailure) => StoreError::Io { path, detail },
            _ => StoreError::Other { path, detail },
        }
    }

    pub(crate) fn io(path: &Path, error: io::Error) -> StoreError {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreError::Full { path }
            }
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly {
                path,
                detail: error.to_string(),
            },
            _ => StoreError::Unreadable { path, error },
        }
    }
}

/// SQLite's words on one line, with the number that tells its I/O errors apart.
fn describe(error: &rusqlite::Error) -> String {
    let text = match error {
        rusqlite::Error::SqliteFailure(code, Some(message)) if code.code == ErrorCode::SystemIoFailure => {
            format!("{message}, SQLite code {}", code.extended_code)
        }
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    one_line(&text)
}

/// `text` without line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
