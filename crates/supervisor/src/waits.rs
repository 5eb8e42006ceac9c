//! Who waits for what: each accepted request is settled once, when all that it caused has come true or will not.

use crate::effect::{Effect, Problem};
use crate::event::{Now, Ticket};
use crate::process::{Ending, Phase, Process, Stage, Wait};
use crate::record::Rest;
use crate::registry::Registry;
use crate::spec::{Id, Run};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What must come true of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// This run, or a later one, was seen to start.
    Up(Run),
    /// This run has ended, with all its descendants.
    Ended(Run),
    /// Nobody knows it any more.
    Forgotten,
}

/// All accepted requests that are not settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits(BTreeMap<Ticket, Unsettled>);

#[derive(Clone, Debug, Default)]
struct Unsettled {
    wants: BTreeMap<Id, Want>,
    problems: Vec<Problem>,
}

/// What can be said of a want.
enum Verdict {
    Open,
    True,
    Hopeless(String),
}

const CLOSING: &str = "pmond is closing";
const STUCK: &str = "it does not end, not even by SIGKILL: the kernel holds it";

impl Want {
    /// That the start is seen which this process, as it is now, is about to have, or has.
    pub(crate) fn up(process: &Process) -> Want {
        Want::Up(match &process.phase {
            Phase::Starting | Phase::Running { .. } => process.run,
            Phase::Resting(_) | Phase::Waiting(_) | Phase::Ending(_) => process.run.next(),
        })
    }

    fn judge(self, process: &Process) -> Verdict {
        let stuck = matches!(
            &process.phase,
            Phase::Ending(Ending {
                stage: Stage::Stuck,
                ..
            })
        );
        match (self, &process.phase) {
            (Want::Up(run), Phase::Running { .. }) if process.run >= run => Verdict::True,
            (Want::Up(_), Phase::Resting(rest)) => Verdict::Hopeless(why_not_up(process, *rest)),
            (Want::Ended(run), _) if process.run > run => Verdict::True,
            (Want::Ended(_), Phase::Resting(_) | Phase::Waiting(_)) => Verdict::True,
            // It was being started when the stop came, and a start came before it could end.
            (Want::Ended(_), Phase::Running { .. }) => Verdict::Hopeless("it was started again meanwhile".to_owned()),
            _ if stuck => Verdict::Hopeless(STUCK.to_owned()),
            _ => Verdict::Open,
        }
    }
}

fn why_not_up(process: &Process, rest: Rest) -> String {
    match (rest, &process.last_error, process.last_exit) {
        (Rest::Stopped, ..) => "it was stopped meanwhile".to_owned(),
        (Rest::Closed | Rest::Fresh, ..) => CLOSING.to_owned(),
        (Rest::Failed, Some(error), _) => error.clone(),
        (Rest::Failed, None, Some(exit)) => format!("it ended ({exit}) and is not to be restarted"),
        (Rest::Failed, None, None) => "it ended and is not to be restarted".to_owned(),
    }
}

impl Waits {
    /// The request was accepted; from now on it waits for all of this.
    pub(crate) fn begin(
        &mut self,
        ticket: Ticket,
        wants: Vec<(Id, Want)>,
        known: &mut Registry,
        out: &mut Vec<Effect>,
    ) {
        if wants.is_empty() {
            out.push(Effect::Settled(ticket, Vec::new()));
            return;
        }
        for (id, _) in &wants {
            if let Some(process) = known.get_mut(*id) {
                process.waiters.insert(ticket);
            }
        }
        self.0.insert(
            ticket,
            Unsettled {
                wants: wants.into_iter().collect(),
                problems: Vec::new(),
            },
        );
    }

    /// The process may have changed: settles whatever depended on that.
    pub(crate) fn judge(&mut self, id: Id, known: &mut Registry, out: &mut Vec<Effect>) {
        let Some(process) = known.get_mut(id) else { return };
        for ticket in process.waiters.clone() {
            let want = self.0.get(&ticket).and_then(|unsettled| unsettled.wants.get(&id));
            match want.map_or(Verdict::True, |want| want.judge(process)) {
                Verdict::Open => continue,
                Verdict::True => self.tick_off(ticket, process, None, out),
                Verdict::Hopeless(why) => self.tick_off(ticket, process, Some(why), out),
            }
            process.waiters.remove(&ticket);
        }
    }

    /// The process was deleted.
    pub(crate) fn forgotten(&mut self, process: &Process, out: &mut Vec<Effect>) {
        for ticket in &process.waiters {
            let want = self
                .0
                .get(ticket)
                .and_then(|unsettled| unsettled.wants.get(&process.id));
            let why = matches!(want, Some(Want::Up(_))).then(|| "it was deleted meanwhile".to_owned());
            self.tick_off(*ticket, process, why, out);
        }
    }

    /// The daemon ends: nothing more will come true.
    pub(crate) fn give_up(&mut self, known: &mut Registry, out: &mut Vec<Effect>) {
        for (ticket, mut unsettled) in std::mem::take(&mut self.0) {
            for process in unsettled.wants.keys().filter_map(|id| known.get(*id)) {
                unsettled.problems.push(problem(process, CLOSING.to_owned()));
            }
            out.push(Effect::Settled(ticket, unsettled.problems));
        }
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket, known: &mut Registry) {
        for id in self.0.remove(&ticket).unwrap_or_default().wants.into_keys() {
            if let Some(process) = known.get_mut(id) {
                process.waiters.remove(&ticket);
            }
        }
    }

    pub(crate) fn pending(&self, ticket: Ticket, known: &Registry, now: Now) -> Vec<Problem> {
        let wants = self
            .0
            .get(&ticket)
            .into_iter()
            .flat_map(|unsettled| unsettled.wants.keys());
        wants
            .filter_map(|id| known.get(*id))
            .map(|process| problem(process, state(process, known, now)))
            .collect()
    }

    fn tick_off(&mut self, ticket: Ticket, process: &Process, why: Option<String>, out: &mut Vec<Effect>) {
        let Some(unsettled) = self.0.get_mut(&ticket) else {
            return;
        };
        unsettled.wants.remove(&process.id);
        unsettled.problems.extend(why.map(|why| problem(process, why)));
        if unsettled.wants.is_empty() {
            let mut problems = self.0.remove(&ticket).unwrap_or_default().problems;
            problems.sort_by_key(|problem| problem.id);
            out.push(Effect::Settled(ticket, problems));
        }
    }
}

fn problem(process: &Process, message: String) -> Problem {
    Problem {
        id: process.id,
        name: process.spec.name.clone(),
        message,
    }
}

/// What a process that somebody waits for is about, in the user's terms.
fn state(process: &Process, known: &Registry, now: Now) -> String {
    let ago = |at: Instant| human(now.mono.saturating_duration_since(at));
    let ahead = |at: Instant| human(at.saturating_duration_since(now.mono));
    match &process.phase {
        Phase::Resting(_) | Phase::Running { .. } => "is about to change".to_owned(),
        Phase::Starting => "is being started".to_owned(),
        Phase::Waiting(Wait::Dependency(place)) => match process.spec.dependencies.get(*place) {
            Some(name) => {
                let status = known
                    .by_name(name)
                    .map_or("unknown", |dependency| dependency.status().as_str());
                format!("waits for `{name}`, which is {status}")
            }
            None => "waits for its turn".to_owned(),
        },
        Phase::Waiting(Wait::HeadStart(at)) => format!("starts in {}: what it depends on runs", ahead(*at)),
        Phase::Waiting(Wait::Backoff(at)) => format!("is held by flap detection for another {}", ahead(*at)),
        Phase::Waiting(Wait::Delay(at)) => match &process.last_error {
            Some(error) => format!("is tried again in {}: {error}", ahead(*at)),
            None => format!("is restarted in {}", ahead(*at)),
        },
        Phase::Ending(ending) => match ending.stage {
            Stage::Turn { behind: Some(id) } => match known.get(id) {
                Some(other) => format!("waits for `{}`, which depends on it, to end first", other.spec.name),
                None => "waits for its turn to end".to_owned(),
            },
            Stage::Turn { behind: None } => "waits for its turn to end".to_owned(),
            Stage::Asked { at, kill_at } => {
                format!(
                    "still stopping: SIGTERM was sent {} ago, SIGKILL follows in {}",
                    ago(at),
                    ahead(kill_at)
                )
            }
            Stage::Killed { at, .. } => format!("still stopping: SIGKILL was sent {} ago", ago(at)),
            Stage::Stuck => STUCK.to_owned(),
        },
    }
}

fn human(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{} s", time.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{caller, now, spec_of};
    use crate::{Effect, Event, Id, Live, Observation, Policy, Request, Run, Supervisor, Ticket};

    /// A process that was asked for and is being started.
    fn starting(ticket: Ticket) -> Supervisor {
        let mut supervisor = Supervisor::new(Policy::for_tests());
        let exec = Request::Exec(spec_of("web", 0).into());
        let effects = supervisor.handle(now(), Event::Request(ticket, caller(0), exec));
        let [Effect::Store { write, .. }] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        let _ = supervisor.handle(now(), Event::Stored(*write));
        supervisor
    }

    fn waiters(supervisor: &Supervisor) -> usize {
        supervisor.known.get(Id(1)).unwrap().waiters.len()
    }

    #[test]
    fn a_request_that_is_settled_leaves_nothing_behind() {
        let mut supervisor = starting(Ticket(1));
        assert_eq!(waiters(&supervisor), 1);
        let live = Live {
            pid: 7,
            identity: "7".to_owned(),
            started_at: now().wall,
        };
        let started = Observation::Started {
            id: Id(1),
            run: Run(1),
            live,
        };
        let effects = supervisor.handle(now(), Event::Observed(started));
        assert!(effects.contains(&Effect::Settled(Ticket(1), vec![])));
        assert_eq!((waiters(&supervisor), supervisor.waits.0.len()), (0, 0));
    }

    #[test]
    fn a_request_that_is_withdrawn_leaves_nothing_behind() {
        let mut supervisor = starting(Ticket(1));
        supervisor.withdraw(Ticket(1));
        assert_eq!((waiters(&supervisor), supervisor.waits.0.len()), (0, 0));
    }
}
