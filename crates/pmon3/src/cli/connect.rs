//! Which daemon: the socket of `PMON3_SOCKET` if that is set; else the caller's own, if it answers; else the system's.

use super::failure::Failure;
use super::printer::debug_line;
use super::session::Surroundings;
use super::settings::{self, Places, SYSTEM_SOCKET};
use pmon3_api::client::{Client, ClientError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No daemon answers.
#[derive(Debug)]
pub(super) struct Nobody {
    /// Where the caller's own one would be; or why the configuration does not say.
    pub(super) places: Result<Places, String>,
    /// Where we looked.
    looked: Vec<PathBuf>,
}

/// Looks for a daemon.
///
/// # Errors
/// When one may be there but cannot be reached: no permission, a path that is too long.
pub(super) async fn find(around: &Surroundings) -> Result<Result<Client, Nobody>, Failure> {
    let places = settings::places(around);
    let mut candidates = Vec::new();
    match (around.vars.get("PMON3_SOCKET"), &places) {
        (Some(socket), _) if !socket.is_empty() => candidates.push(PathBuf::from(socket)),
        (_, Ok(places)) => candidates.push(places.socket.clone()),
        (_, Err(_)) => candidates.push(pmon3_config::salvage_socket(&around.environment)),
    }
    if around.uid != 0 && !around.vars.contains_key("PMON3_SOCKET") {
        candidates.push(PathBuf::from(SYSTEM_SOCKET));
    }
    for path in &candidates {
        match try_one(around, path).await {
            Ok(client) => {
                // Asked for by who configured it; nothing here needs it.
                let wait = places.as_ref().map_or(Duration::ZERO, |places| places.connection_wait);
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                return Ok(Ok(client));
            }
            Err(ClientError::Unreachable { source, .. }) if nobody_listens(&source) => {
                log::debug!("no daemon at {}: {source}", path.display());
            }
            Err(ClientError::Unreachable { path, source }) => return Err(cannot_reach(&path, &source)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Err(Nobody {
        places,
        looked: candidates,
    }))
}

/// A client for this socket, if somebody listens there.
pub(super) async fn try_one(around: &Surroundings, path: &Path) -> Result<Client, ClientError> {
    let client = Client::connect(path).await?;
    log::debug!("a daemon listens at {}", path.display());
    Ok(if around.asks_for("XIPC_DEBUG") {
        client.with_trace(debug_line)
    } else {
        client
    })
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory
    )
}

fn cannot_reach(path: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::InvalidInput => {
            "a socket's path has at most 107 bytes: set `socket` in the configuration or PMON3_SOCKET"
        }
        io::ErrorKind::PermissionDenied => {
            "each directory on the way must let you through, and the socket must be yours to write to"
        }
        _ => "PMON3_SOCKET names another socket",
    };
    Failure::with_hint(format!("cannot reach pmond at {}: {error}", path.display()), hint)
}

impl Nobody {
    pub(super) fn into_failure(self) -> Failure {
        if let Err(broken) = self.places {
            return Failure::with_hint(
                format!("pmond must be running, and the configuration is broken: {broken}"),
                "`pmon3 config check` looks at the configuration",
            );
        }
        let looked: Vec<String> = self.looked.iter().map(|path| path.display().to_string()).collect();
        Failure::with_hint(
            "pmond must be running",
            format!(
                "nothing answers at {}; start it with `sudo systemctl start pmond`, `pmond &`, or by `pmon3 exec` or `pmon3 init`",
                looked.join(" or ")
            ),
        )
    }
}
