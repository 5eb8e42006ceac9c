//! The tables, and how they came to be what they are.

use rusqlite::Connection;

/// Marks the file as ours: "PMN3" in the header's field `application_id`.
pub(crate) const APPLICATION_ID: u32 = 0x504d_4e33;

/// One step per version of the format; the file's `user_version` says how many were taken. A step is never changed
/// once a release has shipped it: a change of the tables is a new step.
pub(crate) const STEPS: &[&str] = &[
    // Times are nanoseconds since 1970, lists and maps JSON. There is no index beside the row numbers: everything is
    // read once, at start, and written by id.
    "CREATE TABLE processes (
        id            INTEGER PRIMARY KEY,
        name          TEXT NOT NULL,
        file          TEXT NOT NULL,
        argv0         TEXT NOT NULL,
        args          TEXT NOT NULL,
        env           TEXT NOT NULL,
        cwd           TEXT NOT NULL,
        username      TEXT NOT NULL,
        uid           INTEGER NOT NULL,
        gid           INTEGER NOT NULL,
        log           TEXT NOT NULL,
        auto_restart  INTEGER NOT NULL,
        dependencies  TEXT NOT NULL,
        groups        TEXT NOT NULL,
        stop_timeout  INTEGER,
        goal          TEXT NOT NULL,
        rest          TEXT NOT NULL,
        run           INTEGER NOT NULL,
        pid           INTEGER,
        identity      TEXT,
        started_at    INTEGER,
        restart_count INTEGER NOT NULL,
        last_exit     TEXT,
        last_error    TEXT,
        created_at    INTEGER NOT NULL,
        updated_at    INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE groups (
        id            INTEGER PRIMARY KEY,
        name          TEXT NOT NULL,
        created_at    INTEGER NOT NULL
    ) STRICT;",
];

/// The format that this program writes.
pub(crate) const VERSION: u32 = STEPS.len() as u32;

/// Takes those of `steps` that the file has not taken yet, all in one transaction.
pub(crate) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let taken = version(connection)? as usize;
    if taken >= steps.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in steps.iter().skip(taken) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", u32::try_from(steps.len()).unwrap_or(u32::MAX))?;
    transaction.commit()
}

/// The number of steps that the file has taken.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, steps).unwrap();
        connection
    }

    fn one(connection: &Connection, query: &str) -> String {
        connection.query_row(query, [], |row| row.get(0)).unwrap()
    }

    const FIRST: &str = "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('kept')";

    #[test]
    fn an_older_file_takes_the_steps_that_it_lacks() {
        let mut connection = with(&[FIRST]);
        let second = "ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'new'";
        migrate(&mut connection, &[FIRST, second]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
        assert_eq!(one(&connection, "SELECT a || b FROM t"), "keptnew");

        migrate(&mut connection, &[FIRST, second]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn a_step_that_fails_leaves_the_file_as_it_was() {
        let mut connection = with(&[FIRST]);
        let second = "UPDATE t SET a = 'lost'";
        migrate(&mut connection, &[FIRST, second, "INSERT INTO nowhere VALUES (1)"]).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 1);
        assert_eq!(one(&connection, "SELECT a FROM t"), "kept");
    }
}
