//! A row of a table <-> a value of the core. Every field comes back exactly as it was written; times and timeouts
//! that do not fit into 292 years on either side of 1970 are written as the nearest that does.

use crate::error::{StoreError, one_line};
use pmon3_supervisor::{BadSpec, Exit, Goal, Group, GroupId, Id, Live, Name, Record, Rest, Run, Spec, User};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const PUT_PROCESS: &str = "INSERT OR REPLACE INTO processes (
    id, name, file, argv0, args, env, cwd, username, uid, gid, log, auto_restart, dependencies, groups, stop_timeout,
    goal, rest, run, pid, identity, started_at, restart_count, last_exit, last_error, created_at, updated_at)
    VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
pub(crate) const FORGET_PROCESS: &str = "DELETE FROM processes WHERE id = ?";
pub(crate) const PUT_GROUP: &str = "INSERT OR REPLACE INTO groups (id, name, created_at) VALUES (?,?,?)";
pub(crate) const FORGET_GROUP: &str = "DELETE FROM groups WHERE id = ?";
pub(crate) const ALL_PROCESSES: &str = "SELECT
    id, name, file, argv0, args, env, cwd, username, uid, gid, log, auto_restart, dependencies, groups, stop_timeout,
    goal, rest, run, pid, identity, started_at, restart_count, last_exit, last_error, created_at, updated_at
    FROM processes ORDER BY id";
pub(crate) const ALL_GROUPS: &str = "SELECT id, name, created_at FROM groups ORDER BY id";

/// A value that has no meaning; the store adds the file's name.
#[derive(Debug)]
pub(crate) struct BadValue {
    pub(crate) table: &'static str,
    pub(crate) id: i64,
    pub(crate) column: &'static str,
    pub(crate) problem: String,
}

impl BadValue {
    pub(crate) fn of(self, path: &Path) -> StoreError {
        StoreError::Value {
            path: path.to_owned(),
            table: self.table,
            id: self.id,
            column: self.column,
            problem: one_line(&self.problem),
        }
    }
}

pub(crate) fn put_process(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let spec = &record.spec;
    let live = record.live.as_ref();
    connection.prepare_cached(PUT_PROCESS)?.execute(params![
        record.id.0,
        spec.name.as_str(),
        spec.file,
        spec.argv0,
        json(&spec.args)?,
        json(&spec.env)?,
        spec.cwd,
        spec.user.name,
        spec.user.uid,
        spec.user.gid,
        spec.log,
        spec.auto_restart,
        json(&spec.dependencies.iter().map(Name::as_str).collect::<Vec<_>>())?,
        json(&spec.groups.iter().map(Name::as_str).collect::<Vec<_>>())?,
        spec.stop_timeout.map(nanoseconds),
        goal_word(record.goal),
        rest_word(record.rest),
        i64::try_from(record.run.0).unwrap_or(i64::MAX),
        live.map(|l| l.pid),
        live.map(|l| l.identity.as_str()),
        live.map(|l| since_1970(l.started_at)),
        record.restart_count,
        record.last_exit.map(exit_words),
        record.last_error,
        since_1970(record.created_at),
        since_1970(record.updated_at),
    ])?;
    Ok(())
}

pub(crate) fn put_group(connection: &Connection, group: &Group) -> rusqlite::Result<()> {
    connection.prepare_cached(PUT_GROUP)?.execute(params![
        group.id.0,
        group.name.as_str(),
        since_1970(group.created_at)
    ])?;
    Ok(())
}

/// Reads a row of [`ALL_PROCESSES`].
pub(crate) fn process(row: &Row<'_>) -> Result<Record, BadValue> {
    let mut c = Cursor::new("processes", row)?;
    let id = c.number("id")?;
    let spec = Spec {
        name: c.name("name")?,
        file: c.text("file")?,
        argv0: c.text("argv0")?,
        args: c.json("args")?,
        env: c.json("env")?,
        cwd: c.text("cwd")?,
        user: User {
            name: c.text("username")?,
            uid: c.number("uid")?,
            gid: c.number("gid")?,
        },
        log: c.text("log")?,
        auto_restart: c.flag("auto_restart")?,
        dependencies: c.names("dependencies")?,
        groups: c.names("groups")?.into_iter().collect(),
        stop_timeout: c.optional("stop_timeout", Cursor::duration)?,
    };
    let goal = c.word("goal", goal_of)?;
    let rest = c.word("rest", rest_of)?;
    let run = Run(c.number("run")?);
    let pid = c.optional("pid", Cursor::number)?;
    let identity = c.optional("identity", Cursor::text)?;
    let started_at = c.optional("started_at", Cursor::time)?;
    let live = match (pid, identity, started_at) {
        (None, None, None) => None,
        (Some(pid), Some(identity), Some(started_at)) => Some(Live {
            pid,
            identity,
            started_at,
        }),
        _ => return Err(c.bad("pid", "pid, identity and started_at belong together")),
    };
    let record = Record {
        id: Id(id),
        goal,
        rest,
        run,
        live,
        restart_count: c.number("restart_count")?,
        last_exit: c.optional("last_exit", |c, column| c.word(column, exit_of))?,
        last_error: c.optional("last_error", Cursor::text)?,
        created_at: c.time("created_at")?,
        updated_at: c.time("updated_at")?,
        spec: Arc::new(spec.checked().map_err(|bad| c.bad(column_of(&bad), bad))?),
    };
    Ok(record)
}

/// Reads a row of [`ALL_GROUPS`].
pub(crate) fn group(row: &Row<'_>) -> Result<Group, BadValue> {
    let mut c = Cursor::new("groups", row)?;
    Ok(Group {
        id: GroupId(c.number("id")?),
        name: c.name("name")?,
        created_at: c.time("created_at")?,
    })
}

/// Reads the columns of one row from left to right: looking each up by its name would take most of the time of a load.
struct Cursor<'r> {
    table: &'static str,
    row: &'r Row<'r>,
    id: i64,
    next: usize,
}

impl<'r> Cursor<'r> {
    fn new(table: &'static str, row: &'r Row<'r>) -> Result<Cursor<'r>, BadValue> {
        let mut cursor = Cursor {
            table,
            row,
            id: 0,
            next: 0,
        };
        cursor.id = cursor.integer("id")?;
        cursor.next = 0;
        Ok(cursor)
    }

    fn bad(&self, column: &'static str, problem: impl ToString) -> BadValue {
        BadValue {
            table: self.table,
            id: self.id,
            column,
            problem: problem.to_string(),
        }
    }

    fn value(&mut self, column: &'static str) -> Result<ValueRef<'r>, BadValue> {
        debug_assert_eq!(self.row.as_ref().column_name(self.next), Ok(column));
        let value = self.row.get_ref(self.next).map_err(|e| self.bad(column, e))?;
        self.next += 1;
        Ok(value)
    }

    /// `None` for NULL, otherwise what `read` makes of it.
    fn optional<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Result<T, BadValue>,
    ) -> Result<Option<T>, BadValue> {
        if self.value(column)? == ValueRef::Null {
            return Ok(None);
        }
        self.next -= 1;
        read(self, column).map(Some)
    }

    fn integer(&mut self, column: &'static str) -> Result<i64, BadValue> {
        match self.value(column)? {
            ValueRef::Integer(n) => Ok(n),
            other => Err(self.bad(column, format!("{} instead of an integer", other.data_type()))),
        }
    }

    fn number<N: TryFrom<i64>>(&mut self, column: &'static str) -> Result<N, BadValue> {
        let n = self.integer(column)?;
        N::try_from(n).map_err(|_| self.bad(column, format!("{n} is out of range")))
    }

    fn flag(&mut self, column: &'static str) -> Result<bool, BadValue> {
        match self.integer(column)? {
            0 => Ok(false),
            1 => Ok(true),
            n => Err(self.bad(column, format!("{n} is neither 0 nor 1"))),
        }
    }

    fn borrowed(&mut self, column: &'static str) -> Result<&'r str, BadValue> {
        match self.value(column)? {
            ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_err(|_| self.bad(column, "is not UTF-8")),
            other => Err(self.bad(column, format!("{} instead of a text", other.data_type()))),
        }
    }

    fn text(&mut self, column: &'static str) -> Result<String, BadValue> {
        self.borrowed(column).map(str::to_owned)
    }

    fn word<T>(&mut self, column: &'static str, meaning: fn(&str) -> Option<T>) -> Result<T, BadValue> {
        let text = self.borrowed(column)?;
        meaning(text).ok_or_else(|| self.bad(column, format!("{text:?} is not known")))
    }

    fn name(&mut self, column: &'static str) -> Result<Name, BadValue> {
        let text = self.text(column)?;
        Name::new(text).map_err(|e| self.bad(column, e))
    }

    fn json<T: DeserializeOwned>(&mut self, column: &'static str) -> Result<T, BadValue> {
        let text = self.borrowed(column)?;
        serde_json::from_str(text).map_err(|e| self.bad(column, e))
    }

    fn names(&mut self, column: &'static str) -> Result<Vec<Name>, BadValue> {
        let texts: Vec<String> = self.json(column)?;
        let names: Result<Vec<Name>, _> = texts.into_iter().map(Name::new).collect();
        names.map_err(|e| self.bad(column, e))
    }

    fn time(&mut self, column: &'static str) -> Result<SystemTime, BadValue> {
        self.integer(column).map(time_of)
    }

    fn duration(&mut self, column: &'static str) -> Result<Duration, BadValue> {
        self.number(column).map(Duration::from_nanos)
    }
}

fn column_of(bad: &BadSpec) -> &'static str {
    match bad {
        BadSpec::NotAbsolute(field, _) | BadSpec::NulByte(field) => field,
        BadSpec::BadVariable(_) => "env",
        BadSpec::DependsOnItself(_) => "dependencies",
    }
}

fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}

fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

fn since_1970(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => nanoseconds(after),
        Err(before) => -nanoseconds(before.duration()),
    }
}

fn time_of(nanoseconds: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanoseconds.unsigned_abs());
    if nanoseconds >= 0 {
        UNIX_EPOCH + distance
    } else {
        UNIX_EPOCH - distance
    }
}

fn goal_word(goal: Goal) -> &'static str {
    match goal {
        Goal::Up => "up",
        Goal::Again => "again",
        Goal::Down => "down",
        Goal::Gone => "gone",
    }
}

fn goal_of(word: &str) -> Option<Goal> {
    [Goal::Up, Goal::Again, Goal::Down, Goal::Gone]
        .into_iter()
        .find(|g| goal_word(*g) == word)
}

fn rest_word(rest: Rest) -> &'static str {
    match rest {
        Rest::Fresh => "fresh",
        Rest::Stopped => "stopped",
        Rest::Failed => "failed",
        Rest::Closed => "closed",
    }
}

fn rest_of(word: &str) -> Option<Rest> {
    [Rest::Fresh, Rest::Stopped, Rest::Failed, Rest::Closed]
        .into_iter()
        .find(|r| rest_word(*r) == word)
}

fn exit_words(exit: Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
        Exit::Unknown => "unknown".to_owned(),
    }
}

fn exit_of(words: &str) -> Option<Exit> {
    match words.split_once(' ') {
        Some(("code", code)) => code.parse().ok().map(Exit::Code),
        Some(("signal", signal)) => signal.parse().ok().map(Exit::Signal),
        _ => (words == "unknown").then_some(Exit::Unknown),
    }
}
