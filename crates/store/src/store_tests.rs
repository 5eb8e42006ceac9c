//! Faults of the disk, put in at the connection; what needs none of that is in `tests/`.

use super::*;
use pmon3_supervisor::{Change, Goal, Id, Name, Rest, Run, Spec, User};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

fn record(id: u32, bytes: usize) -> Record {
    let spec = Spec {
        name: Name::new(format!("p{id}")).unwrap(),
        file: "/bin/sleep".to_owned(),
        argv0: "sleep".to_owned(),
        args: vec!["1".repeat(bytes)],
        env: BTreeMap::new(),
        cwd: "/".to_owned(),
        user: User {
            name: "root".to_owned(),
            uid: 0,
            gid: 0,
        },
        log: "/var/log/p.log".to_owned(),
        auto_restart: true,
        dependencies: Vec::new(),
        groups: BTreeSet::new(),
        stop_timeout: None,
    };
    Record {
        id: Id(id),
        spec: Arc::new(spec),
        goal: Goal::Up,
        rest: Rest::Fresh,
        run: Run(0),
        live: None,
        restart_count: 0,
        last_exit: None,
        last_error: None,
        created_at: UNIX_EPOCH,
        updated_at: UNIX_EPOCH,
    }
}

fn put(id: u32, bytes: usize) -> Change {
    Change::Put(Box::new(record(id, bytes)))
}

fn store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("data.db")).unwrap();
    store.load().unwrap();
    (directory, store)
}

fn ids(store: &mut Store) -> Vec<u32> {
    store.load().unwrap().records.iter().map(|record| record.id.0).collect()
}

fn log_bytes(store: &Store) -> u64 {
    fs::metadata(file::beside(&store.path, "-wal")).unwrap().len()
}

#[test]
fn a_full_disk_keeps_nothing_of_the_save_and_the_next_works_once_there_is_room() {
    let (_directory, mut store) = store();
    store.save(&[put(1, 10)], true).unwrap();
    let pages: u32 = store
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let limit = |store: &Store, pages: u32| {
        store
            .connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
            .unwrap();
    };
    limit(&store, pages);
    for durable in [true, false] {
        let error = store
            .save(&[Change::Forget(Id(1)), put(2, 10), put(3, 100_000)], durable)
            .unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert!(error.to_string().contains("data.db"), "{error}");
        assert_eq!(ids(&mut store), [1]);
    }
    store.save(&[put(4, 10)], true).unwrap();
    limit(&store, 100_000);
    store.save(&[put(3, 100_000)], true).unwrap();
    assert_eq!(ids(&mut store), [1, 3, 4]);
}

#[test]
fn a_file_system_that_became_read_only_is_an_error_until_it_is_writable_again() {
    let (_directory, mut store) = store();
    store.save(&[put(1, 10)], true).unwrap();
    store.connection.pragma_update(None, "query_only", true).unwrap();
    let error = store.save(&[put(2, 10)], true).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
    store.connection.pragma_update(None, "query_only", false).unwrap();
    store.save(&[put(3, 10)], true).unwrap();
    assert_eq!(ids(&mut store), [1, 3]);
}

#[test]
fn after_an_error_of_the_disk_the_log_is_brought_home_before_anything_else_is_written() {
    let (directory, mut store) = store();
    for id in 1..20 {
        store.save(&[put(id, 10)], false).unwrap();
    }
    let before = log_bytes(&store);
    store.doubtful = true;
    store.save(&[put(20, 10)], true).unwrap();
    assert!(!store.doubtful);
    assert!(log_bytes(&store) < before, "the log was not begun anew");
    // All but the newest save is in the database itself now.
    let alone = directory.path().join("alone.db");
    fs::copy(&store.path, &alone).unwrap();
    assert_eq!(ids(&mut Store::open(&alone).unwrap()).len(), 19);
}

#[test]
fn a_writer_beside_us_is_waited_for_and_then_an_error_that_leaves_no_trace() {
    let (_directory, mut store) = store();
    store.connection.busy_timeout(Duration::from_millis(50)).unwrap();
    let other = Connection::open(&store.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.save(&[put(1, 10)], true).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.save(&[put(2, 10)], true).unwrap();
    assert_eq!(ids(&mut store), [2]);
}

#[test]
fn the_level_of_durability_follows_each_save() {
    let (_directory, mut store) = store();
    for durable in [true, false, false, true] {
        store.save(&[put(1, 10)], durable).unwrap();
        let level: u32 = store
            .connection
            .pragma_query_value(None, "synchronous", |row| row.get(0))
            .unwrap();
        assert_eq!(level, if durable { 2 } else { 1 });
    }
}

#[test]
fn the_log_stays_small_however_much_is_written() {
    let (_directory, mut store) = store();
    let mebibyte = 1024 * 1024;
    for n in 0..2000 {
        store.save(&[put(n % 100, 1000)], false).unwrap();
        assert!(log_bytes(&store) < 2 * mebibyte, "after {n} saves");
    }
    let all: Vec<Change> = (0..2000).map(|id| put(id, 2000)).collect();
    store.save(&all, true).unwrap();
    assert!(log_bytes(&store) > 2 * mebibyte, "not large enough to show anything");
    for n in 0..3 {
        store.save(&[put(n, 10)], true).unwrap();
    }
    assert!(
        log_bytes(&store) <= mebibyte,
        "{} bytes after one large save",
        log_bytes(&store)
    );
}

#[test]
fn a_file_that_was_taken_away_is_an_error_until_it_is_back() {
    let (directory, mut store) = store();
    store.save(&[put(1, 10)], true).unwrap();
    let aside = directory.path().join("aside.db");
    fs::rename(&store.path, &aside).unwrap();
    let error = store.save(&[put(2, 10)], true).unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    fs::copy(&aside, &store.path).unwrap();
    let error = store.save(&[put(2, 10)], true).unwrap_err();
    assert!(matches!(error, StoreError::Moved { .. }), "{error}");
    fs::rename(&aside, &store.path).unwrap();
    store.save(&[put(3, 10)], true).unwrap();
    assert_eq!(ids(&mut store), [1, 3]);
}

#[test]
fn others_may_read_while_we_write() {
    let (_directory, mut store) = store();
    store.save(&[put(1, 10)], true).unwrap();
    let reader = Connection::open_with_flags(&store.path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM processes").unwrap();
    for n in 0..600 {
        store.save(&[put(n, 1000)], n % 100 == 0).unwrap();
    }
    let seen: u32 = reader
        .query_row("SELECT count(*) FROM processes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(seen, 1);
}
