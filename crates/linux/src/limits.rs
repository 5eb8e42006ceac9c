//! What the daemon changes for itself and its children must get back.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// What we had when we were started, and what children therefore start with. `None`: we changed nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// `oom_score_adj`, from [`oom::protect`](crate::oom::protect).
    pub oom_score_adj: Option<i32>,
    /// Soft and hard limit of open files, from [`raise_open_files`]. The infinite one is `u64::MAX`, as in `prlimit(2)`.
    pub nofile: Option<(u64, u64)>,
}

/// Raises our limit of open files to what is allowed (each watched process may cost a descriptor), and returns the former
/// (soft, hard) if that changed it. Children get it back: programs that close every possible descriptor, or use
/// `select(2)`, suffer from a high one.
pub fn raise_open_files() -> io::Result<Option<(u64, u64)>> {
    let former = getrlimit(Resource::Nofile);
    if former.current == former.maximum {
        return Ok(None);
    }
    let mut raised = former;
    raised.current = former.maximum;
    setrlimit(Resource::Nofile, raised)?;
    let number = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
    Ok(Some((number(former.current), number(former.maximum))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limit_becomes_the_hard_one_and_the_former_is_told_once() {
        let before = getrlimit(Resource::Nofile);
        let former = raise_open_files().unwrap();
        let after = getrlimit(Resource::Nofile);
        assert_eq!((after.current, after.maximum), (before.maximum, before.maximum));
        match former {
            Some((soft, hard)) => assert_eq!((Some(soft), Some(hard)), (before.current, before.maximum)),
            None => assert_eq!(before.current, before.maximum),
        }
        assert_eq!(raise_open_files().unwrap(), None);
    }
}
