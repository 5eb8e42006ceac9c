//! What a command said.

use serde_json::Value;

#[derive(Debug)]
pub(crate) struct Output {
    /// As a person would see it, to be named by a failing assertion.
    pub(crate) command: String,
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Output {
        self.ends_with(0)
    }

    /// It could not be done: exit code 1, and the reason on stderr.
    #[track_caller]
    pub(crate) fn fails(self) -> Output {
        self.ends_with(1)
    }

    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Output {
        assert_eq!(
            self.code,
            Some(code),
            "{}\nstdout: {}\nstderr: {}",
            self.command,
            self.stdout,
            self.stderr
        );
        assert!(
            code == 0 || !self.stderr.trim().is_empty(),
            "{} failed without a word",
            self.command
        );
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: not JSON: {error}\n{}", self.command, self.stdout))
    }
}
