//! What the tests of the store share.

// Each test binary uses another part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use pmon3_store::{Loaded, Store, StoreError};
use pmon3_supervisor::{Change, Goal, Group, GroupId, Id, Live, Name, Record, Rest, Run, Spec, User};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// An ordinary running process; `version` tells its rewrites apart.
pub(crate) fn record(id: u32, version: u32) -> Record {
    Record {
        id: Id(id),
        spec: Arc::new(Spec {
            name: Name::new(format!("web-{id}")).unwrap(),
            file: "/usr/bin/python3".to_owned(),
            argv0: "python3".to_owned(),
            args: vec!["-m".to_owned(), "http.server".to_owned(), (8000 + id).to_string()],
            env: BTreeMap::from([("NODE_ENV".to_owned(), "production".to_owned())]),
            cwd: "/srv/web".to_owned(),
            user: User {
                name: "www-data".to_owned(),
                uid: 33,
                gid: 33,
            },
            log: format!("/var/log/pmond/www-data/web-{id}.log"),
            auto_restart: true,
            dependencies: vec![Name::new("db").unwrap()],
            groups: BTreeSet::from([Name::new("front").unwrap()]),
            stop_timeout: Some(Duration::from_secs(10)),
        }),
        goal: Goal::Up,
        rest: Rest::Fresh,
        run: Run(u64::from(version)),
        live: Some(Live {
            pid: 1000 + version,
            identity: "5ad6f1c2-3f4c-4a4b-9c56-0a5d9f6b0a11:4026532001".to_owned(),
            started_at: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        }),
        restart_count: version,
        last_exit: None,
        last_error: None,
        created_at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        updated_at: UNIX_EPOCH + Duration::new(1_700_000_000, version),
    }
}

pub(crate) fn put(record: Record) -> Change {
    Change::Put(Box::new(record))
}

pub(crate) fn group(id: u32, name: &str) -> Group {
    Group {
        id: GroupId(id),
        name: Name::new(name).unwrap(),
        created_at: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    }
}

/// A closed database with so many processes, and what it holds.
pub(crate) fn database(path: &Path, processes: u32) -> Vec<Record> {
    let records: Vec<Record> = (1..=processes).map(|id| record(id, 1)).collect();
    let mut store = Store::open(path).unwrap();
    let changes: Vec<Change> = records.iter().cloned().map(put).collect();
    store.save(&changes, true).unwrap();
    store.save(&[Change::PutGroup(group(1, "front"))], true).unwrap();
    // A load, because only a database that was read is tidied up at its close.
    store.load().unwrap();
    records
}

pub(crate) fn open_and_load(path: &Path) -> Result<Loaded, StoreError> {
    Store::open(path)?.load()
}

/// Each file of a directory with its content. Not the shared memory of SQLite, which holds nothing.
pub(crate) fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file() && !path.to_string_lossy().ends_with("-shm"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Opens and loads `path`, which must be refused in one line that names it, with every file beside it left as it was.
pub(crate) fn refused(path: &Path) -> StoreError {
    let directory = path.parent().unwrap();
    let before = contents(directory);
    let Err(error) = open_and_load(path) else {
        panic!("{} was not refused", path.display());
    };
    let text = error.to_string();
    assert!(text.contains(path.to_str().unwrap()), "does not name the file: {text}");
    assert!(!text.contains('\n'), "more than one line: {text}");
    assert!(contents(directory) == before, "files were changed, though: {text}");
    error
}

/// Small, even and repeatable: xorshift.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}
