//! A loss of power, or the death of the daemon, at any point of a write.
//!
//! SQLite's write-ahead log grows from front to back, so a cut in the middle of a save leaves the front of the new
//! bytes before the rest of the old ones. Each test rebuilds such files and opens them.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Random, open_and_load, put, record};
use pmon3_store::Store;
use pmon3_supervisor::{Change, Id, Record};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Both files as they were after one save, and what had been saved by then.
struct Moment {
    db: Vec<u8>,
    wal: Vec<u8>,
    records: Vec<Record>,
}

/// Saves `count` times, without ever closing; the first moment is before the first save.
fn live_through(count: u32, durable: impl Fn(u32) -> bool) -> Vec<Moment> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let mut store = Store::open(&path).unwrap();
    let mut model: BTreeMap<Id, Record> = BTreeMap::new();
    let moment = |model: &BTreeMap<Id, Record>| Moment {
        db: fs::read(&path).unwrap(),
        wal: fs::read(directory.path().join("data.db-wal")).unwrap_or_default(),
        records: model.values().cloned().collect(),
    };
    let mut moments = vec![moment(&model)];
    for version in 1..=count {
        let changes: Vec<Change> = changes(version);
        store.save(&changes, durable(version)).unwrap();
        for change in changes {
            match change {
                Change::Put(record) => drop(model.insert(record.id, *record)),
                Change::Forget(id) => drop(model.remove(&id)),
                Change::PutGroup(_) | Change::ForgetGroup(_) => {}
            }
        }
        moments.push(moment(&model));
    }
    moments
}

/// Several at once, some of them larger than a page.
fn changes(version: u32) -> Vec<Change> {
    let mut changes: Vec<Change> = (0..=version % 3)
        .map(|n| put(record((version + n) % 11, version)))
        .collect();
    if version.is_multiple_of(5) {
        let mut large = record(20, version);
        Arc::make_mut(&mut large.spec).args = vec!["x".repeat(6000 + version as usize)];
        changes.push(put(large));
        changes.push(Change::Forget(Id(version % 11)));
    }
    changes
}

fn revived(db: &[u8], wal: &[u8]) -> Vec<Record> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    fs::write(&path, db).unwrap();
    fs::write(directory.path().join("data.db-wal"), wal).unwrap();
    loaded_twice(&path)
}

/// What is found must also be found the next time, and take a write.
fn loaded_twice(path: &Path) -> Vec<Record> {
    let first = open_and_load(path).unwrap();
    let mut store = Store::open(path).unwrap();
    assert_eq!(store.load().unwrap().records, first.records);
    store.save(&[put(record(99, 1))], true).unwrap();
    first.records
}

const WAL_HEADER: usize = 32;
const FRAME: usize = 24 + 4096;

/// The ends of frames within `range`, places right beside them, and some anywhere.
fn cuts(range: std::ops::Range<usize>, random: &mut Random) -> Vec<usize> {
    let ends = (0..).map(|n| WAL_HEADER + n * FRAME).take_while(|end| *end < range.end);
    let mut cuts: Vec<usize> = ends
        .flat_map(|end| [end - 1, end, end + 24])
        .chain([0, 31, 32])
        .chain((0..4).map(|_| range.start + random.below(range.len().max(1))))
        .filter(|cut| range.contains(cut))
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

#[test]
fn a_log_that_is_cut_anywhere_holds_every_durable_save_before_the_cut() {
    let moments = live_through(14, |_| true);
    let last = moments.last().unwrap();
    let mut random = Random(7);
    for cut in cuts(0..last.wal.len() + 1, &mut random) {
        let expected = moments.iter().rev().find(|moment| moment.wal.len() <= cut).unwrap();
        let found = revived(&last.db, &last.wal[..cut]);
        assert!(found == expected.records, "cut at byte {cut} of {}", last.wal.len());
    }
}

#[test]
fn a_cut_within_a_save_leaves_all_of_that_save_or_nothing() {
    // Enough of them that the log goes home and begins anew, over its old frames.
    let moments = live_through(180, |_| true);
    let mut random = Random(42);
    let mut restarted = false;
    for (number, pair) in moments.windows(2).enumerate() {
        let [before, after] = pair else { unreachable!() };
        let begun_anew = after.wal.starts_with(&before.wal[..before.wal.len().min(32)]);
        restarted |= !begun_anew && !before.wal.is_empty();
        if number > 4 && begun_anew && random.below(12) != 0 {
            continue;
        }
        let changed = changed(&before.wal, &after.wal);
        for cut in cuts(changed.clone(), &mut random) {
            let mut torn = after.wal[..cut].to_vec();
            torn.extend_from_slice(before.wal.get(cut..).unwrap_or_default());
            let found = revived(&before.db, &torn);
            let all = found == after.records;
            assert!(
                all || found == before.records,
                "save {number} cut at byte {cut} of {changed:?}"
            );
        }
        // What the save's own checkpoint may leave half done.
        if before.db != after.db {
            for _ in 0..8 {
                let page = random.below(after.db.len() / 4096 + 1) * 4096;
                let mut torn = after.db[..page].to_vec();
                torn.extend_from_slice(before.db.get(page..).unwrap_or_default());
                assert!(
                    revived(&torn, &after.wal) == after.records,
                    "checkpoint of save {number} cut at byte {page}"
                );
            }
        }
    }
    assert!(restarted, "the log never began anew: save more often");
}

/// From the first byte that differs to the last.
fn changed(before: &[u8], after: &[u8]) -> std::ops::Range<usize> {
    let differs = |i: &usize| before.get(*i) != after.get(*i);
    let first = (0..after.len()).find(differs).unwrap_or(0);
    let last = (0..after.len()).rev().find(differs).unwrap_or(0);
    first..last + 1
}

#[test]
fn a_daemon_that_dies_between_two_saves_has_lost_none() {
    let moments = live_through(200, |version| version.is_multiple_of(4));
    for (number, moment) in moments.iter().enumerate() {
        if number < 8 || number.is_multiple_of(9) {
            assert!(
                revived(&moment.db, &moment.wal) == moment.records,
                "after save {number}"
            );
        }
    }
}

#[test]
fn a_first_start_that_dies_leaves_nothing_that_stands_in_the_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    // Whatever was written before the rename has this name.
    fs::write(directory.path().join("data.db.new"), b"half of a file").unwrap();
    assert!(loaded_twice(&path).is_empty());
    assert!(!directory.path().join("data.db.new").exists());
}
