//! Which program this is.

/// The version of `pmon3` and `pmond`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit that it was built from, as `PMON3_COMMIT` named it at the build; `unknown` without.
pub const COMMIT: &str = match option_env!("PMON3_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
