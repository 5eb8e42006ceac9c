//! The predecessor's `data.db` is taken over, and kept.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::{Random, contents, open_and_load, put, record, refused};
use pmon3_store::{Loaded, Store, StoreError};
use pmon3_supervisor::{Goal, Record, Rest, Run};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// As GORM 1.25 with the driver glebarez/sqlite 1.11 makes them for the predecessor's models.
const DDL: &str = "
CREATE TABLE `processes` (`created_at` datetime,`updated_at` datetime,`log` text,`name` text,`process_file` text,
  `args` text,`env_vars` text,`username` text,`dependencies` text,`status` integer,
  `id` integer PRIMARY KEY AUTOINCREMENT,`pid` integer,`uid` integer,`gid` integer,`auto_restart` numeric,
  CONSTRAINT `uni_processes_name` UNIQUE (`name`));
CREATE TABLE `groups` (`id` integer PRIMARY KEY AUTOINCREMENT,`created_at` datetime,`updated_at` datetime,
  `deleted_at` datetime,`name` text,CONSTRAINT `uni_groups_name` UNIQUE (`name`));
CREATE INDEX `idx_groups_deleted_at` ON `groups`(`deleted_at`);
CREATE TABLE `process_groups` (`process_id` integer,`group_id` integer,PRIMARY KEY (`process_id`,`group_id`),
  CONSTRAINT `fk_process_groups_process` FOREIGN KEY (`process_id`) REFERENCES `processes`(`id`),
  CONSTRAINT `fk_process_groups_group` FOREIGN KEY (`group_id`) REFERENCES `groups`(`id`));
";

/// As an early release made it: fewer columns, ids of users as texts, names that need not be unique, no groups.
const EARLY_DDL: &str = "
CREATE TABLE \"process\" (\"id\" integer primary key autoincrement,\"created_at\" datetime,\"updated_at\" datetime,
  \"pid\" integer,\"log\" varchar(255),\"name\" varchar(255),\"process_file\" varchar(255),\"args\" varchar(255),
  \"status\" bigint,\"auto_restart\" bool,\"uid\" varchar(255),\"username\" varchar(255),\"gid\" varchar(255) );
";

struct Place {
    directory: TempDir,
    path: PathBuf,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    Place { directory, path }
}

/// A predecessor's database with these rows.
fn predecessor(sql: &str) -> Place {
    let place = place();
    let connection = Connection::open(&place.path).unwrap();
    connection.execute_batch(&format!("{DDL}{sql}")).unwrap();
    place
}

/// The values of a row that say nothing of interest here.
fn process(id: u32, name: &str, rest: &str) -> String {
    let (columns, values): (Vec<&str>, Vec<&str>) =
        rest.split(';').filter_map(|pair| pair.trim().split_once('=')).unzip();
    let given = |column: &str, value: &str| match columns.iter().position(|c| *c == column) {
        Some(at) => values[at].to_owned(),
        None => value.to_owned(),
    };
    format!(
        "INSERT INTO processes VALUES ({}, {}, {}, '{}', {}, {}, {}, {}, {}, {}, {id}, {}, {}, {}, {});",
        given("created_at", "'2024-05-01 10:00:00.123456789+02:00'"),
        given("updated_at", "'2024-05-01 08:00:01+00:00'"),
        given("log", &format!("'/var/log/pmond/{id}.log'")),
        name.replace('\'', "''"),
        given("process_file", "'/usr/local/bin/prog'"),
        given("args", "''"),
        given("env_vars", "''"),
        given("username", "'www-data'"),
        given("dependencies", "''"),
        given("status", "3"),
        given("pid", "0"),
        given("uid", "33"),
        given("gid", "34"),
        given("auto_restart", "1"),
    )
}

fn taken_over(place: &Place) -> Loaded {
    open_and_load(&place.path).unwrap()
}

fn only(sql: &str) -> (Record, Vec<String>) {
    let loaded = taken_over(&predecessor(sql));
    let [record] = loaded.records.try_into().unwrap();
    (record, loaded.notes[1..].to_vec())
}

fn kept(place: &Place) -> PathBuf {
    place.directory.path().join("data.db.predecessor")
}

fn at(seconds: u64, nanoseconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::new(seconds, nanoseconds)
}

#[test]
fn a_process_keeps_all_that_the_predecessor_knew_of_it() {
    let (record, notes) = only(&process(
        7,
        "happac1",
        "process_file='/usr/local/bin/happac'; args='-h startup-1.consul -p 5555'; log='/var/log/custom/h.log';
         env_vars='NODE_ENV=prod TZ=UTC'; dependencies='happac2 db'; status=3; auto_restart=0",
    ));
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(record.id.0, 7);
    let spec = &record.spec;
    assert_eq!(spec.name.as_str(), "happac1");
    assert_eq!(
        (spec.file.as_str(), spec.argv0.as_str()),
        ("/usr/local/bin/happac", "/usr/local/bin/happac")
    );
    assert_eq!(spec.cwd, "/usr/local/bin");
    assert_eq!(spec.args, ["-h", "startup-1.consul", "-p", "5555"]);
    let env: Vec<_> = spec.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(env, [("NODE_ENV", "prod"), ("TZ", "UTC")]);
    assert_eq!(
        (spec.user.name.as_str(), spec.user.uid, spec.user.gid),
        ("www-data", 33, 34)
    );
    assert_eq!(spec.log, "/var/log/custom/h.log");
    assert!(!spec.auto_restart);
    let dependencies: Vec<_> = spec.dependencies.iter().map(|name| name.as_str()).collect();
    assert_eq!(dependencies, ["happac2", "db"]);
    assert_eq!(spec.stop_timeout, None);
    assert_eq!(record.created_at, at(1_714_550_400, 123_456_789));
    assert_eq!(record.updated_at, at(1_714_550_401, 0));
    assert_eq!((record.run, record.restart_count), (Run(0), 0));
    assert_eq!((record.live, record.last_exit, record.last_error), (None, None, None));
}

#[test]
fn what_ran_or_was_to_run_runs_again_and_what_was_stopped_or_had_failed_does_not() {
    for (status, goal, rest) in [
        (0, Goal::Up, Rest::Closed),
        (1, Goal::Up, Rest::Closed),
        (2, Goal::Up, Rest::Closed),
        (3, Goal::Down, Rest::Stopped),
        (4, Goal::Up, Rest::Failed),
        (5, Goal::Up, Rest::Closed),
        (6, Goal::Up, Rest::Closed),
        (7, Goal::Up, Rest::Closed),
    ] {
        let (record, _) = only(&process(1, "web", &format!("status={status}")));
        assert_eq!((record.goal, record.rest), (goal, rest), "status {status}");
    }
}

#[test]
fn groups_and_who_is_in_them_are_kept_and_deleted_groups_are_not() {
    let place = predecessor(&format!(
        "{}{}{}
         INSERT INTO groups VALUES (3, '2024-05-01 08:00:00+00:00', '2024-05-01 08:00:00+00:00', NULL, 'front'),
           (4, '2024-05-01 08:00:00+00:00', '2024-05-01 08:00:00+00:00', '2024-05-02 08:00:00+00:00', 'gone'),
           (5, '2024-05-01 08:00:00+00:00', '2024-05-01 08:00:00+00:00', NULL, 'empty'),
           (6, '2024-05-01 08:00:00+00:00', '2024-05-01 08:00:00+00:00', NULL, 'all of them');
         PRAGMA foreign_keys = OFF;
         INSERT INTO process_groups VALUES (1,3), (1,4), (1,6), (2,6), (3,99), (98,3);",
        process(1, "a", ""),
        process(2, "b", ""),
        process(3, "c", "")
    ));
    let loaded = taken_over(&place);
    let groups: Vec<_> = loaded
        .groups
        .iter()
        .map(|g| (g.id.0, g.name.as_str(), g.created_at))
        .collect();
    let time = at(1_714_550_400, 0);
    assert_eq!(
        groups,
        [(3, "front", time), (5, "empty", time), (6, "all_of_them", time)]
    );
    let members: Vec<Vec<&str>> = loaded
        .records
        .iter()
        .map(|record| record.spec.groups.iter().map(|name| name.as_str()).collect())
        .collect();
    assert_eq!(members, [vec!["all_of_them", "front"], vec!["all_of_them"], vec![]]);
    assert!(
        loaded.notes[0].contains("processes: 3, groups: 3"),
        "{:?}",
        loaded.notes
    );
    assert!(
        loaded.notes[1].contains("group 6, \"all of them\", is named `all_of_them`"),
        "{:?}",
        loaded.notes
    );
    assert_eq!(loaded.notes.len(), 2);
}

#[test]
fn arguments_are_split_as_a_shell_does_and_every_difference_is_told() {
    for (args, words, notes) in [
        ("", vec![], 0),
        ("  a   b\tc ", vec!["a", "b", "c"], 0),
        ("--title \"two words\"", vec!["--title", "two words"], 1),
        ("-e ''s p'' x", vec!["-e", "s p", "x"], 1),
        (r"C:\\dir", vec![r"C:\dir"], 1),
        ("--channel #general -v", vec!["--channel", "#general", "-v"], 0),
        ("say \"hello world", vec!["say", "\"hello", "world"], 1),
        ("it''s", vec!["it's"], 1),
    ] {
        let (record, told) = only(&process(1, "web", &format!("args='{args}'")));
        assert_eq!(record.spec.args, words, "{args}");
        assert_eq!(told.len(), notes, "{told:?}");
    }
}

#[test]
fn what_is_not_a_variable_is_left_out_and_told() {
    let (record, notes) = only(&process(1, "web", "env_vars='A=1 B=\"x y\" nonsense =z A=2 C='"));
    let env: Vec<_> = record.spec.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(env, [("A", "2"), ("B", "x y"), ("C", "")]);
    assert_eq!(notes.len(), 3, "{notes:?}");
}

#[test]
fn names_that_break_the_rules_are_changed_also_where_others_depend_on_them() {
    let place = predecessor(
        &[
            process(1, "my_app", ""),
            process(2, "42", "dependencies='my_app 42 ghost my_app'"),
            process(3, "caf\u{e9}", "dependencies='42'"),
        ]
        .concat(),
    );
    let loaded = taken_over(&place);
    let names: Vec<_> = loaded.records.iter().map(|record| record.spec.name.as_str()).collect();
    assert_eq!(names, ["my_app", "_42", "caf_"]);
    let needs = |n: usize| -> Vec<&str> {
        loaded.records[n]
            .spec
            .dependencies
            .iter()
            .map(|name| name.as_str())
            .collect()
    };
    assert_eq!(needs(1), ["my_app", "ghost"]);
    assert_eq!(needs(2), ["_42"]);
    assert_eq!(loaded.notes.len(), 1 + 2 + 1 + 1, "{:?}", loaded.notes);
}

#[test]
fn what_was_running_is_told_with_its_pid() {
    let (_, notes) = only(&process(1, "web", "status=2; pid=4711"));
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("web (pid 4711)"), "{notes:?}");
}

#[test]
fn odd_values_get_the_nearest_that_works_and_are_told() {
    let (record, notes) = only(&process(
        1,
        "web",
        "process_file='bin/web'; log=NULL; username=''; uid=1000; gid=1000; created_at='0001-01-01 00:00:00+00:00';
         auto_restart=NULL; env_vars=NULL; args=NULL; dependencies=NULL",
    ));
    assert_eq!(record.spec.file, "/bin/web");
    assert_eq!(record.spec.log, "/var/log/pmond/web.log");
    assert_eq!(record.spec.user.name, "1000");
    assert_eq!(record.created_at, record.updated_at);
    assert!(record.spec.auto_restart);
    assert_eq!(notes.len(), 4, "{notes:?}");
}

#[test]
fn bytes_that_are_no_text_are_told() {
    let (record, notes) = only(&process(
        1,
        "web",
        "args=CAST(x'61ff62' AS TEXT); process_file=CAST(x'2f620063' AS TEXT)",
    ));
    assert_eq!(record.spec.args, ["a\u{fffd}b"]);
    assert_eq!(record.spec.file, "/bc");
    assert_eq!(notes.len(), 2, "{notes:?}");
}

#[test]
fn a_database_without_the_later_columns_and_tables_is_taken_over() {
    let place = place();
    let connection = Connection::open(&place.path).unwrap();
    connection.execute_batch(&format!("{EARLY_DDL}
        INSERT INTO process VALUES (1,'2023-01-01 00:00:00.5+00:00','2023-01-01 00:00:00.5+00:00',77,'/l','web','/b/web','-v',2,1,'33','www-data','33'),
          (2,'2023-01-01 00:00:00.5+00:00','2023-01-01 00:00:00.5+00:00',0,'/l','web','/b/other','',3,0,'0','root','0');")).unwrap();
    drop(connection);
    let loaded = taken_over(&place);
    let [first, second] = loaded.records.as_slice() else {
        panic!("{loaded:?}")
    };
    assert_eq!((first.spec.name.as_str(), second.spec.name.as_str()), ("web", "web-2"));
    assert_eq!((first.spec.user.uid, second.spec.user.uid), (33, 0));
    assert!(first.spec.auto_restart && !second.spec.auto_restart);
    assert!(loaded.groups.is_empty());
}

#[test]
fn columns_of_the_older_releases_that_nothing_needs_are_passed_over() {
    let place = predecessor(
        "ALTER TABLE processes ADD COLUMN memory_usage text; ALTER TABLE processes ADD COLUMN cpu_usage text;",
    );
    let connection = Connection::open(&place.path).unwrap();
    connection
        .execute_batch("INSERT INTO processes (id, name, process_file, log, username, uid, gid, status) VALUES (1,'w','/w','/l','root',0,0,5)")
        .unwrap();
    assert_eq!(taken_over(&place).records.len(), 1);
}

#[test]
fn the_original_is_kept_byte_for_byte_and_the_new_file_is_ours_from_then_on() {
    let place = predecessor(&process(1, "web", ""));
    let original = fs::read(&place.path).unwrap();
    let first = taken_over(&place);
    assert_eq!(fs::read(kept(&place)).unwrap(), original);
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = contents(place.directory.path()).into_keys().collect();
    assert_eq!(names, [place.path.clone(), kept(&place)]);

    let mut store = Store::open(&place.path).unwrap();
    let second = store.load().unwrap();
    assert_eq!((second.records, second.groups), (first.records, first.groups));
    assert!(second.notes.is_empty());
    store.save(&[put(record(2, 1))], true).unwrap();
    assert_eq!(fs::read(kept(&place)).unwrap(), original);
}

#[test]
fn a_take_over_that_was_cut_short_is_done_again() {
    let place = predecessor(&process(1, "web", ""));
    let original = fs::read(&place.path).unwrap();
    // All that it may leave: a copy that is not complete, one that is, and a new database that is not.
    fs::write(
        place.directory.path().join("data.db.predecessor.new"),
        &original[..5000],
    )
    .unwrap();
    fs::write(place.directory.path().join("data.db.predecessor.new-journal"), b"x").unwrap();
    fs::write(kept(&place), &original).unwrap();
    fs::write(place.directory.path().join("data.db.new"), b"SQLite f").unwrap();
    assert_eq!(taken_over(&place).records.len(), 1);
    let left = contents(place.directory.path());
    assert_eq!(left.len(), 2, "{:?}", left.keys());
    assert_eq!(left[&kept(&place)], original);
}

#[test]
fn an_earlier_copy_of_something_else_is_never_overwritten() {
    let place = predecessor(&process(1, "web", ""));
    fs::write(kept(&place), b"precious").unwrap();
    let loaded = taken_over(&place);
    assert_eq!(fs::read(kept(&place)).unwrap(), b"precious");
    let second = place.directory.path().join("data.db.predecessor.2");
    assert!(second.exists());
    assert!(loaded.notes[0].contains(second.to_str().unwrap()), "{:?}", loaded.notes);
}

/// What a predecessor leaves that dies in the middle of a write: its files as they are then.
fn died(setup: &str, write: &str) -> Place {
    let alive = predecessor(&process(1, "web", ""));
    let connection = Connection::open(&alive.path).unwrap();
    connection.execute_batch(setup).unwrap();
    connection.execute_batch(write).unwrap();
    let dead = place();
    for suffix in ["", "-wal", "-journal"] {
        let file = |place: &Place| PathBuf::from(format!("{}{suffix}", place.path.display()));
        if file(&alive).exists() {
            fs::copy(file(&alive), file(&dead)).unwrap();
        }
    }
    dead
}

fn journals(place: &Place) -> usize {
    let files = contents(place.directory.path());
    files.keys().filter(|path| path.to_string_lossy().contains('-')).count()
}

#[test]
fn a_write_that_the_predecessor_did_not_finish_is_undone() {
    let spill = "PRAGMA cache_size = 1; PRAGMA cache_spill = 1;";
    let write = "BEGIN; UPDATE processes SET name = 'half';
        WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
        INSERT INTO processes (id, name, process_file) SELECT i, 'half' || i, hex(zeroblob(500)) FROM n;";
    let place = died(spill, write);
    assert_eq!(journals(&place), 1, "no hot journal: nothing is tested");
    let loaded = taken_over(&place);
    assert_eq!(loaded.records.len(), 1);
    assert_eq!(loaded.records[0].spec.name.as_str(), "web");
    assert_eq!(journals(&place), 0, "a journal of the old file beside the new one");
}

#[test]
fn what_stands_only_in_the_predecessors_log_is_taken_over() {
    let place = died(
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;",
        &process(2, "newest", "status=5"),
    );
    assert_eq!(journals(&place), 1, "no log: nothing is tested");
    let loaded = taken_over(&place);
    assert_eq!(loaded.records.len(), 2);
    assert_eq!(journals(&place), 0, "a log of the old file beside the new one");
    // The copy is complete without the log.
    let connection = Connection::open(kept(&place)).unwrap();
    let count: u32 = connection
        .query_row("SELECT count(*) FROM processes", [], |row| row.get(0))
        .unwrap();
    assert_eq!(count, 2);
}

#[test]
fn a_predecessor_that_is_at_work_in_the_file_is_an_error_and_nothing_is_changed() {
    let place = predecessor(&process(1, "web", ""));
    let predecessor = Connection::open(&place.path).unwrap();
    for lock in ["BEGIN IMMEDIATE", "ROLLBACK; BEGIN EXCLUSIVE"] {
        predecessor.execute_batch(lock).unwrap();
        let error = Store::open(&place.path).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 1);
    }
    predecessor.execute_batch("ROLLBACK").unwrap();
    assert_eq!(taken_over(&place).records.len(), 1);
}

#[test]
fn a_damaged_predecessor_is_refused_and_left_as_it_was() {
    let rows: String = (1..=200).map(|id| process(id, &format!("web-{id}"), "")).collect();
    let whole = fs::read(&predecessor(&rows).path).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages > 8);
    for length in (1..pages).map(|page| page * 4096).chain([50, 1000, whole.len() - 7]) {
        let place = place();
        fs::write(&place.path, &whole[..length]).unwrap();
        let error = refused(&place.path);
        assert!(matches!(error, StoreError::Truncated { .. }), "{length}: {error}");
    }
    let mut random = Random(99);
    for page in 1..pages {
        let place = place();
        let mut damaged = whole.clone();
        for byte in &mut damaged[page * 4096..(page + 1) * 4096] {
            *byte = random.below(256) as u8;
        }
        fs::write(&place.path, &damaged).unwrap();
        let error = refused(&place.path);
        assert!(matches!(error, StoreError::Damaged { .. }), "page {page}: {error}");
    }
}

#[test]
fn damage_anywhere_in_a_predecessor_never_changes_it_nor_panics() {
    let rows: String = (1..=40).map(|id| process(id, &format!("web-{id}"), "")).collect();
    let whole = fs::read(&predecessor(&rows).path).unwrap();
    let mut random = Random(5);
    for _ in 0..200 {
        let place = place();
        let mut damaged = whole.clone();
        let start = random.below(damaged.len());
        for byte in damaged.iter_mut().skip(start).take(40) {
            *byte ^= random.below(256) as u8;
        }
        fs::write(&place.path, &damaged).unwrap();
        match open_and_load(&place.path) {
            Ok(_) => assert_eq!(fs::read(kept(&place)).unwrap(), damaged),
            Err(_) => assert_eq!(only_file(&place), damaged),
        }
    }
}

fn only_file(place: &Place) -> Vec<u8> {
    let mut files = contents(place.directory.path());
    assert_eq!(files.len(), 1, "{:?}", files.keys());
    files.remove(Path::new(&place.path)).unwrap()
}

#[test]
fn values_that_the_predecessor_never_writes_are_refused_by_name() {
    for (column, value) in [
        ("status", "9"),
        ("status", "-1"),
        ("status", "NULL"),
        ("status", "'running'"),
        ("uid", "NULL"),
        ("uid", "'nobody'"),
        ("gid", "4294967296"),
        ("auto_restart", "'maybe'"),
    ] {
        let place = predecessor(&process(5, "web", &format!("{column}={value}")));
        let error = refused(&place.path);
        let text = error.to_string();
        let StoreError::Value { id: 5, column: c, .. } = error else {
            panic!("{column} = {value}: {text}");
        };
        assert_eq!(c, column, "{text}");
    }
}
