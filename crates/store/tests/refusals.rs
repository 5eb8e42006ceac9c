//! What is not ours, or not whole, is refused by name, and left as it is.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Random, contents, database, open_and_load, put, record, refused};
use pmon3_store::{Store, StoreError};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    (directory, path)
}

/// A closed database of some pages.
fn healthy() -> Vec<u8> {
    let (_directory, path) = place();
    database(&path, 60);
    fs::read(&path).unwrap()
}

/// A database whose newest save is in its log only, as after the death of the daemon.
fn with_log() -> (Vec<u8>, Vec<u8>) {
    let (directory, path) = place();
    database(&path, 60);
    let mut store = Store::open(&path).unwrap();
    store.save(&[put(record(7, 2))], true).unwrap();
    let wal = fs::read(directory.path().join("data.db-wal")).unwrap();
    assert!(!wal.is_empty());
    (fs::read(&path).unwrap(), wal)
}

#[test]
fn a_file_cut_short_at_any_length_is_refused() {
    let whole = healthy();
    let pages = whole.len() / 4096;
    assert!(pages > 5);
    let lengths = [0, 1, 15, 16, 99, 100, 101, 511, 4095, 4097, whole.len() - 1];
    for length in lengths.into_iter().chain((1..pages).map(|page| page * 4096)) {
        let (_directory, path) = place();
        fs::write(&path, &whole[..length]).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Truncated { .. }), "{length}: {error}");
        assert!(error.to_string().contains(&length.to_string()), "{error}");
    }
}

#[test]
fn a_file_cut_short_is_refused_also_with_a_log_beside_it() {
    let (whole, wal) = with_log();
    let pages = whole.len() / 4096;
    for length in [0, 1, 50, 100, 4095]
        .into_iter()
        .chain((1..pages).map(|page| page * 4096))
    {
        let (directory, path) = place();
        fs::write(&path, &whole[..length]).unwrap();
        fs::write(directory.path().join("data.db-wal"), &wal).unwrap();
        let error = refused(&path);
        assert!(
            matches!(error, StoreError::Truncated { .. } | StoreError::Damaged { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_log_without_its_database_is_refused() {
    let (_, wal) = with_log();
    let (directory, path) = place();
    fs::write(directory.path().join("data.db-wal"), &wal).unwrap();
    let error = refused(&path);
    assert!(matches!(error, StoreError::Truncated { .. }), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_flipped_bit_in_the_header_is_refused_or_harmless() {
    let whole = healthy();
    let mut refusals = 0;
    for bit in 0..100 * 8 {
        let (_directory, path) = place();
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        // Counters that only help caches: change counter, schema cookie, "version valid for", version of SQLite.
        if matches!(bit / 8, 24..28 | 40..44 | 92..100) {
            assert_eq!(open_and_load(&path).unwrap().records.len(), 60, "bit {bit}");
        } else {
            refused(&path);
            refusals += 1;
        }
    }
    assert_eq!(refusals, (100 - 16) * 8);
}

#[test]
fn damage_anywhere_is_refused_or_read_and_never_a_panic() {
    let (whole, wal) = with_log();
    let mut random = Random(2024);
    for _ in 0..300 {
        let (directory, path) = place();
        let mut damaged = whole.clone();
        let start = random.below(damaged.len());
        let length = 1 + random.below(64);
        for byte in damaged.iter_mut().skip(start).take(length) {
            *byte = random.below(256) as u8;
        }
        fs::write(&path, &damaged).unwrap();
        if random.below(2) == 0 {
            fs::write(directory.path().join("data.db-wal"), &wal).unwrap();
        }
        let before = contents(directory.path());
        if open_and_load(&path).is_err() {
            assert!(contents(directory.path()) == before, "changed by damage at {start}");
        }
    }
}

#[test]
fn a_page_of_noise_is_refused_as_damaged() {
    let whole = healthy();
    for page in 1..whole.len() / 4096 {
        let (_directory, path) = place();
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, &damaged).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Damaged { .. }), "{page}: {error}");
    }
}

#[test]
fn what_is_not_sqlite_is_refused_as_foreign() {
    for content in [
        &b"hello"[..],
        &[0; 4096],
        "processes:\n  - file: /bin/x\n".repeat(50).as_bytes(),
    ] {
        let (_directory, path) = place();
        fs::write(&path, content).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
}

#[test]
fn the_database_of_another_application_is_refused() {
    for (sql, hint) in [
        ("CREATE TABLE bookmarks (url TEXT)", "another application"),
        (
            "PRAGMA application_id = 0x0f055112; CREATE TABLE blob (x)",
            "0x0f055112",
        ),
        (
            "PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (url TEXT)",
            "another application",
        ),
        // Half the words of the predecessor do not make it his.
        ("CREATE TABLE processes (id INTEGER, name TEXT)", "another application"),
        ("CREATE TABLE empty (x); DROP TABLE empty", "another application"),
    ] {
        let (_directory, path) = place();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let error = refused(&path);
        assert!(matches!(error, StoreError::Foreign { .. }), "{sql}: {error}");
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[test]
fn the_database_of_another_application_keeps_its_unfinished_log() {
    let (directory, path) = place();
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE bookmarks (url TEXT)")
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["data.db", "data.db-wal"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    let error = refused(&copy.path().join("data.db"));
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn a_directory_or_a_link_to_nowhere_is_refused() {
    let (_directory, path) = place();
    fs::create_dir(&path).unwrap();
    assert!(matches!(refused(&path), StoreError::Foreign { .. }));

    let (directory, path) = place();
    symlink(directory.path().join("unmounted/data.db"), &path).unwrap();
    assert!(matches!(refused(&path), StoreError::Unreadable { .. }));
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn a_link_to_a_database_is_followed() {
    let (directory, path) = place();
    let real = directory.path().join("elsewhere.db");
    let records = database(&real, 3);
    symlink(&real, &path).unwrap();
    assert_eq!(open_and_load(&path).unwrap().records, records);
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
}

#[test]
fn a_missing_directory_is_refused() {
    let (directory, _) = place();
    let path = directory.path().join("missing/data.db");
    let error = open_and_load(&path).unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_newer_format_is_refused() {
    let (_directory, path) = place();
    database(&path, 2);
    sql(&path, "PRAGMA user_version = 1000");
    let error = refused(&path);
    assert!(matches!(error, StoreError::Newer { found: 1000, .. }), "{error}");
}

#[test]
fn a_newer_format_that_is_only_in_the_log_is_refused() {
    let (directory, path) = place();
    database(&path, 2);
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 1000").unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["data.db", "data.db-wal"] {
        fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
    }
    let error = refused(&copy.path().join("data.db"));
    assert!(matches!(error, StoreError::Newer { found: 1000, .. }), "{error}");
}

#[test]
fn a_locked_file_is_refused_at_once() {
    let (_directory, path) = place();
    database(&path, 2);
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[test]
fn a_file_without_permission_is_refused() {
    let (_directory, path) = place();
    database(&path, 2);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::File::open(&path).is_ok() {
        return; // Root reads everything.
    }
    let error = open_and_load(&path).unwrap_err();
    assert!(matches!(error, StoreError::Unreadable { .. }), "{error}");

    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    let error = refused(&path);
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

/// Runs SQL as a person with the `sqlite3` program would.
fn sql(path: &Path, text: &str) {
    Connection::open(path).unwrap().execute_batch(text).unwrap();
}

#[test]
fn a_value_without_meaning_is_refused_with_its_table_row_and_column() {
    let cases = [
        ("processes", "id", "-1"),
        ("processes", "name", "'../x'"),
        ("processes", "name", "''"),
        ("processes", "file", "'web'"),
        ("processes", "file", "CAST(x'2fff' AS TEXT)"),
        ("processes", "args", "'[1]'"),
        ("processes", "args", "'[\"a\"'"),
        ("processes", "env", "'{\"A=B\":\"x\"}'"),
        ("processes", "env", "'[]'"),
        ("processes", "cwd", "''"),
        ("processes", "uid", "-1"),
        ("processes", "gid", "4294967296"),
        ("processes", "log", "'relative.log'"),
        ("processes", "auto_restart", "2"),
        ("processes", "dependencies", "'[\"a b\"]'"),
        ("processes", "dependencies", "json_array(name)"),
        ("processes", "groups", "'front'"),
        ("processes", "stop_timeout", "-1"),
        ("processes", "goal", "'sideways'"),
        ("processes", "rest", "'UP'"),
        ("processes", "run", "-1"),
        ("processes", "pid", "-1"),
        ("processes", "pid", "NULL"),
        ("processes", "restart_count", "-1"),
        ("processes", "last_exit", "'code'"),
        ("processes", "last_exit", "'signal 9x'"),
        ("groups", "id", "5000000000"),
        ("groups", "name", "'1'"),
    ];
    for (table, column, value) in cases {
        let (_directory, path) = place();
        database(&path, 2);
        let row = if table == "groups" { 1 } else { 2 };
        sql(
            &path,
            &format!("UPDATE {table} SET {column} = {value} WHERE id = {row}"),
        );
        let error = refused(&path);
        let text = error.to_string();
        let StoreError::Value {
            table: t,
            id,
            column: c,
            ..
        } = error
        else {
            panic!("{table}.{column} = {value}: {text}");
        };
        assert_eq!((t, c), (table, column), "{text}");
        assert!(column == "id" || id == row, "{text}");
        assert!(
            text.contains(&format!("table {table}, id {id}, column {column}")),
            "{text}"
        );
    }
}

#[test]
fn tables_that_a_hand_changed_are_refused() {
    for change in [
        "DROP TABLE groups",
        "ALTER TABLE processes DROP COLUMN log",
        "ALTER TABLE processes RENAME COLUMN goal TO aim",
        "PRAGMA user_version = 0",
    ] {
        let (_directory, path) = place();
        database(&path, 2);
        sql(&path, change);
        let error = refused(&path);
        assert!(matches!(error, StoreError::Damaged { .. }), "{change}: {error}");
    }
}
