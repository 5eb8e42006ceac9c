//! What the command line needs of the configuration to find a daemon, or to start one.

use super::session::Surroundings;
use std::path::PathBuf;
use std::time::Duration;

/// Where the daemon of the system listens, unless it was told otherwise.
pub(super) const SYSTEM_SOCKET: &str = "/run/pmon3/pmond.sock";

/// Where the caller's own daemon is, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Where it listens.
    pub(super) socket: PathBuf,
    /// Where its own log goes when it is started from here.
    pub(super) logs_dir: PathBuf,
    /// How long to wait after connecting: `ipc_connection_wait`.
    pub(super) connection_wait: Duration,
    /// Whether it may be started when it is needed.
    pub(super) auto_start: bool,
}

/// As the configuration says.
///
/// # Errors
/// Why the configuration is of no use, in one line.
pub(super) fn places(around: &Surroundings) -> Result<Places, String> {
    let loaded = pmon3_config::load(&around.environment).map_err(|e| e.to_string())?;
    let settings = loaded.settings;
    Ok(Places {
        socket: settings.socket,
        logs_dir: settings.logs_dir,
        connection_wait: settings.ipc_connection_wait,
        auto_start: settings.auto_start,
    })
}
