//! What was saved comes back, all of it and exactly.

#![allow(clippy::unwrap_used)]

use pmon3_store::{Loaded, Store};
use pmon3_supervisor::{Change, Exit, Goal, Group, GroupId, Id, Live, Name, Record, Rest, Run, Spec, User};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn reopened(path: &Path) -> Loaded {
    Store::open(path).unwrap().load().unwrap()
}

/// Any text that a `Spec` may hold: quotes, newlines, emptiness and all of Unicode, but no NUL.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("'\"\\\n\t\u{1f980} ;--%s".to_owned()),
        any::<String>().prop_map(|s| s.replace('\0', "")),
    ]
}

fn absolute() -> impl Strategy<Value = String> {
    text().prop_map(|s| format!("/{s}"))
}

fn name() -> impl Strategy<Value = Name> {
    "[a-z][A-Za-z0-9._@:-]{0,127}".prop_map(|s| Name::new(s).unwrap())
}

fn time() -> impl Strategy<Value = SystemTime> {
    any::<i64>().prop_map(|n| {
        let distance = Duration::from_nanos(n.unsigned_abs().min(i64::MAX as u64));
        if n < 0 {
            UNIX_EPOCH - distance
        } else {
            UNIX_EPOCH + distance
        }
    })
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![
        any::<i32>().prop_map(Exit::Code),
        any::<i32>().prop_map(Exit::Signal),
        Just(Exit::Unknown)
    ]
}

prop_compose! {
    fn spec()(
        (name, file, argv0, args) in (name(), absolute(), text(), vec(text(), 0..5)),
        env in btree_map(text().prop_filter("a variable's name", |k| !k.is_empty() && !k.contains('=')), text(), 0..5),
        (cwd, log, user, uid, gid) in (absolute(), absolute(), text(), any::<u32>(), any::<u32>()),
        auto_restart in any::<bool>(),
        dependencies in vec(name(), 0..4),
        groups in btree_set(name(), 0..4),
        stop_timeout in option::of((0..i64::MAX as u64).prop_map(Duration::from_nanos)),
    ) -> Spec {
        Spec {
            dependencies: dependencies.into_iter().filter(|d| *d != name).collect(),
            user: User { name: user, uid, gid },
            name, file, argv0, args, env, cwd, log, auto_restart, groups, stop_timeout,
        }.checked().unwrap()
    }
}

prop_compose! {
    fn record()(
        (id, spec) in (any::<u32>(), spec()),
        goal in prop_oneof![Just(Goal::Up), Just(Goal::Again), Just(Goal::Down), Just(Goal::Gone)],
        rest in prop_oneof![Just(Rest::Fresh), Just(Rest::Stopped), Just(Rest::Failed), Just(Rest::Closed)],
        run in 0..i64::MAX as u64,
        live in option::of((any::<u32>(), any::<String>(), time())),
        restart_count in any::<u32>(),
        last_exit in option::of(exit()),
        last_error in option::of(any::<String>()),
        (created_at, updated_at) in (time(), time()),
    ) -> Record {
        Record {
            id: Id(id), spec: Arc::new(spec), goal, rest, run: Run(run),
            live: live.map(|(pid, identity, started_at)| Live { pid, identity, started_at }),
            restart_count, last_exit, last_error, created_at, updated_at,
        }
    }
}

prop_compose! {
    fn group()(id in any::<u32>(), name in name(), created_at in time()) -> Group {
        Group { id: GroupId(id), name, created_at }
    }
}

fn change() -> impl Strategy<Value = Change> {
    // Few ids, so that the changes meet.
    prop_oneof![
        4 => (record(), 0..6_u32).prop_map(|(r, id)| Change::Put(Box::new(Record { id: Id(id), ..r }))),
        1 => record().prop_map(|r| Change::Put(Box::new(r))),
        2 => (0..6_u32).prop_map(|id| Change::Forget(Id(id))),
        2 => (group(), 0..6_u32).prop_map(|(g, id)| Change::PutGroup(Group { id: GroupId(id), ..g })),
        1 => (0..6_u32).prop_map(|id| Change::ForgetGroup(GroupId(id))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_saved_comes_back_exactly(saves in vec((vec(change(), 0..8), any::<bool>()), 1..6)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.db");
        let mut store = Store::open(&path).unwrap();
        let (mut records, mut groups) = (BTreeMap::new(), BTreeMap::new());
        for (changes, durable) in saves {
            store.save(&changes, durable).unwrap();
            for change in changes {
                match change {
                    Change::Put(record) => drop(records.insert(record.id, *record)),
                    Change::Forget(id) => drop(records.remove(&id)),
                    Change::PutGroup(group) => drop(groups.insert(group.id, group)),
                    Change::ForgetGroup(id) => drop(groups.remove(&id)),
                }
            }
        }
        let expected: (Vec<Record>, Vec<Group>) = (records.into_values().collect(), groups.into_values().collect());
        let same = store.load().unwrap();
        prop_assert_eq!(&(same.records, same.groups), &expected);
        drop(store);
        let loaded = reopened(&path);
        prop_assert_eq!((loaded.records, loaded.groups), expected);
        prop_assert!(loaded.notes.is_empty());
    }
}

#[test]
fn a_new_database_is_empty_and_only_its_owner_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let mut store = Store::open(&path).unwrap();
    let loaded = store.load().unwrap();
    assert!(loaded.records.is_empty() && loaded.groups.is_empty() && loaded.notes.is_empty());
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    drop(store);
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|f| f.unwrap().file_name())
        .collect();
    assert_eq!(left, ["data.db"], "a closed database is one file");
}
