//! Arguments that several commands have.

use super::complete;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCompleter;
use pmon3_api::ActionRequest;

/// A wait without a limit, in milliseconds: a week.
pub(super) const WITHOUT_LIMIT: u64 = 7 * 24 * 60 * 60 * 1000;

/// Which processes.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(super) struct Processes {
    /// Ids or names, several with commas between them
    #[arg(value_name = "ID_OR_NAME", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCompleter::new(complete::processes))]
    pub(super) processes: String,
}

impl Processes {
    /// One by one.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        each(&self.processes)
    }
}

/// Which groups.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub(super) struct Groups {
    /// Ids or names of groups, several with commas between them
    #[arg(value_name = "GROUP", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCompleter::new(complete::groups))]
    pub(super) groups: String,
}

impl Groups {
    /// One by one.
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        each(&self.groups)
    }
}

/// The parts of a comma list.
fn each(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|one| !one.is_empty())
}

/// Machine-readable output.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Json {
    /// Print JSON instead of a table
    #[arg(long)]
    pub(super) json: bool,
}

/// SIGKILL at once.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Force {
    /// Kill at once (SIGKILL) instead of asking first (SIGTERM)
    #[arg(long, short)]
    pub(super) force: bool,
}

/// How long to wait for what was asked for to come true.
#[derive(Args, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wait {
    /// Wait at most so many milliseconds for it to come true [default: the daemon's cmd_exec_response_wait]
    #[arg(long, value_name = "MS")]
    wait: Option<u64>,
    /// Return at once
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
}

impl Wait {
    /// As the wire wants it.
    pub(super) fn ms(self) -> Option<u64> {
        if self.no_wait { Some(0) } else { self.wait }
    }
}

/// The request that these flags make.
pub(super) fn action(force: Force, wait: Wait) -> ActionRequest {
    ActionRequest {
        force: force.force,
        wait_ms: wait.ms(),
        ..ActionRequest::default()
    }
}

/// How many lines of a log: `10` (the last ten), `+5` (from the fifth on), `all`.
pub(super) fn lines(text: &str) -> Result<String, String> {
    let digits = text
        .strip_prefix('+')
        .or_else(|| text.strip_prefix('-'))
        .unwrap_or(text);
    let is_number = digits.bytes().all(|c| c.is_ascii_digit()) && digits.parse::<u32>().is_ok();
    if text == "all" || is_number {
        // `-10` means the same as `10`, as it does to tail(1).
        return Ok(text.strip_prefix('-').unwrap_or(text).to_owned());
    }
    Err("a number of last lines such as 10, a first line such as +5, or all".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_tail() {
        for (text, means) in [("10", "10"), ("+5", "+5"), ("-7", "7"), ("all", "all"), ("0", "0")] {
            assert_eq!(lines(text).as_deref(), Ok(means));
        }
        for text in ["", "+", "-", "ten", "+-5", "++5", "1.5", "99999999999"] {
            assert!(lines(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_comma_list_has_no_empty_parts() {
        assert_eq!(each(" 1,web,, x ,").collect::<Vec<_>>(), ["1", "web", "x"]);
    }
}
