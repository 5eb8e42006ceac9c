//! What the shell offers for names of processes and groups: those that the running daemon has. Completion starts no
//! daemon, waits for nothing long, and where it cannot help it is silent.

use super::connect;
use super::session::Surroundings;
use clap_complete::CompletionCandidate;
use pmon3_api::client::Client;
use std::ffi::OsStr;
use std::time::Duration;

/// The variable by which the shell asks, set in the environment of `pmon3`.
pub(super) const VARIABLE: &str = "PMON3_COMPLETE";

/// Longer than this nobody waits for a tabulator.
const PATIENCE: Duration = Duration::from_secs(1);

/// A name and a word about it.
struct Known {
    name: String,
    about: String,
}

/// Names of processes.
pub(super) fn processes(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = ask(async |client: &Client| {
        let processes = client.processes(false).await.ok()?.value;
        Some(
            processes
                .into_iter()
                .map(|process| Known {
                    name: process.name,
                    about: process.status,
                })
                .collect(),
        )
    });
    candidates(current, known)
}

/// Names of groups.
pub(super) fn groups(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = ask(async |client: &Client| {
        let groups = client.groups().await.ok()?.value;
        Some(
            groups
                .into_iter()
                .map(|group| Known {
                    name: group.name,
                    about: group.processes.join(", "),
                })
                .collect(),
        )
    });
    candidates(current, known)
}

fn ask(question: impl AsyncFnOnce(&Client) -> Option<Vec<Known>>) -> Vec<Known> {
    let answer = async {
        let client = connect::find(&Surroundings::here()).await.ok()?.ok()?;
        question(&client).await
    };
    let Ok(runtime) = super::runtime() else {
        return Vec::new();
    };
    let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, answer).await });
    answer.ok().flatten().unwrap_or_default()
}

/// Those that go on as the last part of a comma list begins, without those that are in the list already.
fn candidates(current: &OsStr, known: Vec<Known>) -> Vec<CompletionCandidate> {
    let Some(current) = current.to_str() else {
        return Vec::new();
    };
    let (before, begun) = match current.rfind(',') {
        Some(comma) => current.split_at(comma + 1),
        None => ("", current),
    };
    let fits = |known: &Known| known.name.starts_with(begun) && !before.split(',').any(|taken| taken == known.name);
    let candidate = |known: Known| {
        let about = (!known.about.is_empty()).then(|| known.about.into());
        CompletionCandidate::new(format!("{before}{}", known.name)).help(about)
    };
    known.into_iter().filter(fits).map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(current: &str) -> Vec<String> {
        let known = ["web", "worker", "db"].map(|name| Known {
            name: name.to_owned(),
            about: String::new(),
        });
        let candidates = candidates(OsStr::new(current), known.into());
        candidates
            .iter()
            .map(|candidate| candidate.get_value().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn the_last_part_of_a_comma_list_is_completed() {
        assert_eq!(offered("w"), ["web", "worker"]);
        assert_eq!(offered("db,w"), ["db,web", "db,worker"]);
        assert_eq!(offered("web,"), ["web,worker", "web,db"]);
        assert_eq!(offered("x"), [""; 0]);
    }
}
