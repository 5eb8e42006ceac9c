//! Who may do what: the one place where the contract's section 6 is decided.

use crate::event::{Caller, Policy};
use crate::spec::Spec;

impl Policy {
    /// Root and the daemon's own user may do everything.
    #[must_use]
    pub fn is_master(&self, caller: &Caller) -> bool {
        caller.uid == 0 || caller.uid == self.owner
    }

    /// Masters and members of the admin group manage every process.
    #[must_use]
    pub fn manages_all(&self, caller: &Caller) -> bool {
        self.is_master(caller) || self.admin_gids.iter().any(|gid| caller.gids.contains(gid))
    }

    /// Stop, restart, delete, reset, read the log and see arguments and environment of a process.
    #[must_use]
    pub fn may_manage(&self, caller: &Caller, spec: &Spec) -> bool {
        self.manages_all(caller) || caller.uid == spec.user.uid
    }

    /// Start a new program as this user. Only root can start one as somebody else than itself, whoever asks.
    #[must_use]
    pub fn may_run_as(&self, caller: &Caller, uid: u32) -> bool {
        (self.is_master(caller) || caller.uid == uid) && (self.owner == 0 || uid == self.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{caller, spec_of};

    /// Caller × owner of the process: root, the daemon's user, an admin, the owner, a stranger.
    #[test]
    fn the_table_of_the_contract_holds_for_a_daemon_of_root() {
        let policy = Policy {
            admin_gids: vec![50],
            ..Policy::for_tests()
        };
        let admin = Caller {
            uid: 1001,
            gids: vec![1001, 50],
        };
        for (who, root_s, own, of_others, run_as_root, run_as_self, run_as_other) in [
            (caller(0), true, true, true, true, true, true),
            (admin, true, true, true, false, true, false),
            (caller(1000), false, true, false, false, true, false),
        ] {
            assert_eq!(policy.may_manage(&who, &spec_of("a", 0)), root_s, "{who:?}");
            assert_eq!(policy.may_manage(&who, &spec_of("a", who.uid)), own, "{who:?}");
            assert_eq!(policy.may_manage(&who, &spec_of("a", 1234)), of_others, "{who:?}");
            assert_eq!(policy.may_run_as(&who, 0), run_as_root, "{who:?}");
            assert_eq!(policy.may_run_as(&who, who.uid), run_as_self, "{who:?}");
            assert_eq!(policy.may_run_as(&who, 1234), run_as_other, "{who:?}");
        }
    }

    #[test]
    fn a_daemon_of_an_ordinary_user_runs_programs_as_that_user_only() {
        let policy = Policy {
            owner: 1000,
            ..Policy::for_tests()
        };
        assert!(policy.may_run_as(&caller(1000), 1000));
        assert!(policy.may_run_as(&caller(0), 1000));
        assert!(!policy.may_run_as(&caller(0), 0));
        assert!(!policy.may_run_as(&caller(1001), 1001), "it could not become that user");
        assert!(!policy.may_run_as(&caller(1001), 1000));
        assert!(policy.may_manage(&caller(1000), &spec_of("a", 1000)));
    }
}
