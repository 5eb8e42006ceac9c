//! How the answer to a change is shown: what is under way and what went wrong, then the list, as the predecessor does.

use super::args::Json;
use super::failure::Failure;
use super::session::Session;
use super::views;
use pmon3_api::{Outcome, ProcessView};

impl Session {
    /// Shows what a change came to.
    ///
    /// # Errors
    /// [`Failure::Told`] if a part of it could not be done.
    pub(super) fn outcome(&mut self, outcome: &Outcome, json: Json) -> Result<(), Failure> {
        for warning in &outcome.warnings {
            self.printer.warning(warning);
        }
        for pending in &outcome.pending {
            self.printer.note(pending);
        }
        for problem in &outcome.problems {
            self.printer.error(problem);
        }
        self.list(&outcome.processes, json)?;
        if outcome.problems.is_empty() {
            Ok(())
        } else {
            Err(Failure::Told)
        }
    }

    /// Shows processes as `ls` does.
    pub(super) fn list(&mut self, processes: &[ProcessView], json: Json) -> Result<(), Failure> {
        if json.json {
            return self.printer.json(processes);
        }
        let zone = self.around.zone();
        self.printer.table(&views::processes(processes, &zone))
    }
}
