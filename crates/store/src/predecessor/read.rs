//! The predecessor's rows, as loosely as Go and SQLite keep them.
//!
//! Columns were added over its releases and its tables are not STRICT: a column may be missing, a number may be a text.
//! What GORM never writes (no user id, an unknown status) is damage, and an error; the rest is left to `convert.rs`.

use crate::error::StoreError;
use crate::row::BadValue;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::path::Path;

/// The names that its table of processes has had.
const TABLES: [&str; 2] = ["processes", "process"];

/// A row of `processes`.
#[derive(Clone, Debug, Default)]
pub(super) struct OldProcess {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) file: String,
    pub(super) args: String,
    pub(super) env_vars: String,
    pub(super) username: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) log: String,
    pub(super) auto_restart: bool,
    pub(super) dependencies: String,
    pub(super) status: Status,
    pub(super) pid: u32,
    pub(super) created_at: String,
    pub(super) updated_at: String,
}

/// What the number in `status` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// Queued, starting, restarting or held back by flap detection.
    Wanted,
    #[default]
    Running,
    Stopped,
    Failed,
    Closed,
}

/// A row of `groups` that was not deleted.
#[derive(Clone, Debug, Default)]
pub(super) struct OldGroup {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) created_at: String,
}

/// Everything that is taken over.
#[derive(Clone, Debug, Default)]
pub(super) struct Old {
    /// By id.
    pub(super) processes: Vec<OldProcess>,
    /// By id.
    pub(super) groups: Vec<OldGroup>,
    /// Ids of a process and of a group that it is in.
    pub(super) memberships: Vec<(u32, u32)>,
}

#[derive(Debug)]
pub(super) enum ReadError {
    Sqlite(rusqlite::Error),
    Value(BadValue),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> ReadError {
        ReadError::Sqlite(error)
    }
}

impl From<BadValue> for ReadError {
    fn from(bad: BadValue) -> ReadError {
        ReadError::Value(bad)
    }
}

impl ReadError {
    pub(super) fn of(self, path: &Path) -> StoreError {
        match self {
            ReadError::Sqlite(error) => StoreError::sqlite(path, &error),
            ReadError::Value(bad) => bad.of(path),
        }
    }
}

/// The name of the table of processes, if this is the predecessor's database.
pub(super) fn table(connection: &Connection) -> rusqlite::Result<Option<&'static str>> {
    for table in TABLES {
        let columns = columns(connection, table)?;
        let ours = ["id", "name", "process_file", "status"];
        if ours.iter().all(|column| columns.iter().any(|c| c == column)) {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// Empty where there is no such table.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT lower(name) FROM pragma_table_info(?)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

pub(super) fn all(connection: &Connection, table: &'static str) -> Result<Old, ReadError> {
    let processes = rows(connection, table, "id", |row| {
        Ok(OldProcess {
            id: row.number("id")?,
            name: row.text("name"),
            file: row.text("process_file"),
            args: row.text("args"),
            env_vars: row.text("env_vars"),
            username: row.text("username"),
            uid: row.number("uid")?,
            gid: row.number("gid")?,
            log: row.text("log"),
            auto_restart: row.flag("auto_restart")?,
            dependencies: row.text("dependencies"),
            status: row.status("status")?,
            pid: row.number("pid").unwrap_or(0),
            created_at: row.text("created_at"),
            updated_at: row.text("updated_at"),
        })
    })?;
    let groups = rows(connection, "groups", "id", |row| {
        // GORM deletes softly: the row stays, with the time of its end.
        if row.value("deleted_at") != ValueRef::Null {
            return Ok(None);
        }
        Ok(Some(OldGroup {
            id: row.number("id")?,
            name: row.text("name"),
            created_at: row.text("created_at"),
        }))
    })?;
    let memberships = rows(connection, "process_groups", "process_id", |row| {
        Ok((row.number("process_id")?, row.number("group_id")?))
    })?;
    Ok(Old {
        processes,
        groups: groups.into_iter().flatten().collect(),
        memberships,
    })
}

/// All rows of a table, in the order of its column `key`; none where there is no such table.
fn rows<T>(
    connection: &Connection,
    table: &'static str,
    key: &'static str,
    read: impl Fn(&Loose<'_>) -> Result<T, BadValue>,
) -> Result<Vec<T>, ReadError> {
    let columns = columns(connection, table)?;
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    // `table` and `key` are words of this file, never of the database.
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\" ORDER BY \"{key}\""))?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(&Loose {
            table,
            key,
            row,
            columns: &columns,
        })?);
    }
    Ok(all)
}

/// A row whose columns may be missing, and whose values may have the wrong type.
struct Loose<'a> {
    table: &'static str,
    key: &'static str,
    row: &'a Row<'a>,
    columns: &'a [String],
}

impl Loose<'_> {
    /// NULL for a column that is not there.
    fn value(&self, column: &str) -> ValueRef<'_> {
        let index = self.columns.iter().position(|name| name == column);
        index.and_then(|i| self.row.get_ref(i).ok()).unwrap_or(ValueRef::Null)
    }

    fn bad(&self, column: &'static str) -> BadValue {
        let id = match self.value(self.key) {
            ValueRef::Integer(id) => id,
            _ => 0,
        };
        let problem = match self.value(column) {
            ValueRef::Null => "nothing is there".to_owned(),
            _ => format!("{:?} is not known", self.text(column)),
        };
        BadValue {
            table: self.table,
            id,
            column,
            problem,
        }
    }

    fn text(&self, column: &str) -> String {
        match self.value(column) {
            ValueRef::Null => String::new(),
            ValueRef::Integer(n) => n.to_string(),
            ValueRef::Real(n) => n.to_string(),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        }
    }

    /// Also where the number was kept as a text, as the first releases did with user ids.
    fn number(&self, column: &'static str) -> Result<u32, BadValue> {
        self.text(column).parse().map_err(|_| self.bad(column))
    }

    /// Where the column is missing: yes, the default of the predecessor.
    fn flag(&self, column: &'static str) -> Result<bool, BadValue> {
        match self.text(column).as_str() {
            "" | "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => Err(self.bad(column)),
        }
    }

    fn status(&self, column: &'static str) -> Result<Status, BadValue> {
        Ok(match self.number(column)? {
            0 | 1 | 6 | 7 => Status::Wanted,
            2 => Status::Running,
            3 => Status::Stopped,
            4 => Status::Failed,
            5 => Status::Closed,
            _ => return Err(self.bad(column)),
        })
    }
}
