//! Short ways to say what a test is about.

use pmon3_supervisor::{Caller, Id, Name, Selector, Spec, User};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn names(texts: &[&str]) -> Vec<Selector> {
    texts.iter().map(|text| Selector::Name(name(text))).collect()
}

pub fn id_list(ids: &[u32]) -> Vec<Selector> {
    ids.iter().map(|id| Selector::Id(Id(*id))).collect()
}

pub fn root() -> Caller {
    user(0)
}

pub fn user(uid: u32) -> Caller {
    Caller { uid, gids: vec![uid] }
}

/// A member of the admin group of `policy()`.
pub fn admin(uid: u32) -> Caller {
    Caller {
        uid,
        gids: vec![uid, 50],
    }
}

/// A program of root that is kept alive.
pub fn spec(text: &str) -> Spec {
    Spec {
        name: name(text),
        file: format!("/bin/{text}"),
        argv0: text.to_owned(),
        args: Vec::new(),
        env: BTreeMap::new(),
        cwd: "/".to_owned(),
        user: User {
            name: "root".to_owned(),
            uid: 0,
            gid: 0,
        },
        log: format!("/var/log/{text}.log"),
        auto_restart: true,
        dependencies: Vec::new(),
        groups: BTreeSet::new(),
        stop_timeout: None,
    }
}

/// Variations.
pub trait SpecExt {
    fn after(self, names: &[&str]) -> Spec;
    fn once(self) -> Spec;
    fn of_user(self, uid: u32) -> Spec;
    fn in_groups(self, names: &[&str]) -> Spec;
    fn with_args(self, args: &[&str]) -> Spec;
    fn stop_timeout(self, timeout: Duration) -> Spec;
    fn log_to(self, path: &str) -> Spec;
}

impl SpecExt for Spec {
    fn after(self, names: &[&str]) -> Spec {
        Spec {
            dependencies: names.iter().map(|text| name(text)).collect(),
            ..self
        }
    }

    fn once(self) -> Spec {
        Spec {
            auto_restart: false,
            ..self
        }
    }

    fn of_user(self, uid: u32) -> Spec {
        Spec {
            user: User {
                name: format!("user{uid}"),
                uid,
                gid: uid,
            },
            ..self
        }
    }

    fn in_groups(self, names: &[&str]) -> Spec {
        Spec {
            groups: names.iter().map(|text| name(text)).collect(),
            ..self
        }
    }

    fn with_args(self, args: &[&str]) -> Spec {
        Spec {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            ..self
        }
    }

    fn stop_timeout(self, timeout: Duration) -> Spec {
        Spec {
            stop_timeout: Some(timeout),
            ..self
        }
    }

    fn log_to(self, path: &str) -> Spec {
        Spec {
            log: path.to_owned(),
            ..self
        }
    }
}
