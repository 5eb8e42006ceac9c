//! What must have happened in many lives: a simulation that does not reach it proves nothing about it.

use pmon3_supervisor::{News, Refusal};

pub(crate) const ALL: [&str; 30] = [
    "started",
    "restarted",
    "adopted",
    "ended by itself",
    "ended as asked",
    "left descendants behind",
    "was delayed",
    "was held by flap detection",
    "failed",
    "could not be started",
    "was killed",
    "was stuck",
    "stopped",
    "was deleted",
    "could not be written",
    "no such process",
    "no such group",
    "group exists",
    "name taken",
    "named twice",
    "cycle",
    "not yours",
    "may not run as",
    "store failed",
    "closing",
    "the daemon was killed",
    "ended with all programs",
    "ended without the programs",
    "a restart that was done was found done",
    "a restart that was owed was done",
];

pub(crate) fn news(news: &News) -> &'static str {
    match news {
        News::Started { restart: false, .. } => "started",
        News::Started { restart: true, .. } => "restarted",
        News::Adopted { .. } => "adopted",
        News::Ended { by_itself: true, .. } => "ended by itself",
        News::Ended { by_itself: false, .. } => "ended as asked",
        News::Leftovers => "left descendants behind",
        News::Delayed(_) => "was delayed",
        News::Backoff(_) => "was held by flap detection",
        News::Failed(None) => "failed",
        News::Failed(Some(_)) => "could not be started",
        News::Killed => "was killed",
        News::Stuck => "was stuck",
        News::Stopped => "stopped",
        News::Deleted => "was deleted",
        News::Unsaved(_) => "could not be written",
    }
}

pub(crate) fn refusal(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::NoSuchProcess(..) => "no such process",
        Refusal::NoSuchGroup(..) => "no such group",
        Refusal::GroupExists(_) => "group exists",
        Refusal::NameTaken(..) => "name taken",
        Refusal::NamedTwice(_) => "named twice",
        Refusal::DependencyCycle(_) => "cycle",
        Refusal::NotYours(..) => "not yours",
        Refusal::MayNotRunAs(_) => "may not run as",
        Refusal::StoreFailed(_) => "store failed",
        Refusal::Closing => "closing",
    }
}
