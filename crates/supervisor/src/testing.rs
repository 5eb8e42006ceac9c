//! Small builders for the unit tests of this crate.

use crate::event::{Caller, Now, Policy};
use crate::spec::{Name, Spec, User};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

impl Policy {
    /// The contract's defaults, for a daemon of root.
    pub(crate) fn for_tests() -> Policy {
        Policy {
            owner: 0,
            admin_gids: Vec::new(),
            stop_on_shutdown: true,
            restart_delay: Duration::from_millis(100),
            restart_delay_max: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(10),
            dependency_wait: Duration::from_secs(2),
            flap: None,
        }
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn caller(uid: u32) -> Caller {
    Caller { uid, gids: vec![uid] }
}

pub(crate) fn spec_of(text: &str, uid: u32) -> Spec {
    Spec {
        name: name(text),
        file: format!("/bin/{text}"),
        argv0: text.to_owned(),
        args: Vec::new(),
        env: BTreeMap::new(),
        cwd: "/".to_owned(),
        user: User {
            name: format!("user{uid}"),
            uid,
            gid: uid,
        },
        log: format!("/var/log/{text}.log"),
        auto_restart: true,
        dependencies: Vec::new(),
        groups: BTreeSet::new(),
        stop_timeout: None,
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a test needs some instant to begin with; std has no constant one"
)]
pub(crate) fn now() -> Now {
    Now {
        mono: Instant::now(),
        wall: SystemTime::UNIX_EPOCH,
    }
}
