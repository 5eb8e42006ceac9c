//! The kernel, short of memory, kills the process with the highest score: it should not be the supervisor.

use std::fs;
use std::io;

const FILE: &str = "/proc/self/oom_score_adj";

/// What we ask for. Not -1000, which means never: if it is us who eat the memory, the kernel may have it back.
const PROTECTED: i32 = -900;

/// Lowers our `oom_score_adj` to -900, or as far as is permitted, and returns the former value if that changed it: children
/// inherit ours, and are to be given that one back. `proc_pid_oom_score_adj(5)`
pub fn protect() -> io::Result<Option<i32>> {
    let former = read()?;
    // Without CAP_SYS_RESOURCE it cannot go below the lowest value that somebody with it has set, which is not shown anywhere; it is
    // 0 unless someone raised ours since then.
    for wanted in [PROTECTED, 0] {
        if wanted >= former {
            break;
        }
        match fs::write(FILE, wanted.to_string()) {
            Ok(()) => return Ok(Some(former)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn read() -> io::Result<i32> {
    let text = fs::read_to_string(FILE)?;
    text.trim()
        .parse()
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} says {text:?}")))
}

#[cfg(test)]
mod tests {
    use rustix::thread::{CapabilitySet, capabilities};

    use super::*;

    #[test]
    fn score_is_lowered_as_far_as_permitted_and_the_former_is_returned() {
        let before = read().unwrap();
        let former = protect().unwrap();
        let after = read().unwrap();
        assert!(after <= before);
        assert_eq!(former, (after != before).then_some(before));
        // Root without this capability is what many containers have.
        let may_go_low = capabilities(None)
            .unwrap()
            .effective
            .contains(CapabilitySet::SYS_RESOURCE);
        if may_go_low {
            assert_eq!(after, before.min(PROTECTED));
        }
        // This is the test program: put it back, which is always permitted.
        fs::write(FILE, before.to_string()).unwrap();
    }
}
