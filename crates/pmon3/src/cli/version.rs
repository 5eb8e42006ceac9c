//! `pmon3 version`: of this program and of the daemon.

use super::args::Json;
use super::connect;
use super::failure::Failure;
use super::session::Session;
use crate::version::{COMMIT, VERSION};
use clap::Args;
use pmon3_api::report::VersionReport;

const EXAMPLES: &str = "\
Examples:
  pmon3 version
  pmon3 version --json | jq -r .tree";

/// Print the versions of pmon3 and of the running pmond
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Version {
    #[command(flatten)]
    json: Json,
}

impl Version {
    pub(super) async fn run(self, session: &mut Session) -> Result<(), Failure> {
        let daemon = match connect::find(&session.around).await? {
            Ok(client) => Some(session.heard(client.version().await)?),
            Err(_) => None,
        };
        if self.json.json {
            let of = daemon.as_ref();
            return session.printer.json(&VersionReport {
                version: VERSION.to_owned(),
                commit: COMMIT.to_owned(),
                daemon_version: of.map(|daemon| daemon.version.clone()),
                daemon_commit: of.map(|daemon| daemon.commit.clone()),
                daemon_pid: of.map(|daemon| daemon.pid),
                tree: of.map(|daemon| daemon.tree.clone()),
                tree_detail: of.map(|daemon| daemon.tree_detail.clone()),
            });
        }
        session.printer.line(&format!("pmon3 {VERSION} (commit {COMMIT})"))?;
        match daemon {
            Some(daemon) => session.printer.line(&format!(
                "pmond {} (commit {}, pid {}, {}: {})",
                daemon.version, daemon.commit, daemon.pid, daemon.tree, daemon.tree_detail
            )),
            None => session.printer.line("pmond is not running"),
        }
    }
}
