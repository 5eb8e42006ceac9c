//! What happens, by chance.

use crate::rng::Rng;
use crate::world::{Habits, SpecExt, admin, millis, name, names, policy, root, secs, spec, user};
use pmon3_supervisor::{
    Caller, Exit, FlapPolicy, Id, InitScope, Observation, Policy, Request, Run, Selector, Spec, Which,
};
use std::sync::Arc;
use std::time::Duration;

const PROGRAMS: u64 = 8;
const GROUPS: u64 = 3;

/// What the next step does when the daemon has nothing at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Request,
    Withdraw,
    Die,
    ChildrenEnd,
    Release,
    PassTime,
    JumpWallClock,
    BreakOrMendDisk,
    ChangeHabits,
    ChangePolicy,
    LateWord,
    CrashDaemon,
    LosePower,
    ShutDown,
}

impl Rng {
    pub(crate) fn action(&mut self) -> Action {
        match self.below(100) {
            0..30 => Action::Request,
            30..32 => Action::Withdraw,
            32..45 => Action::Die,
            45..48 => Action::ChildrenEnd,
            48..51 => Action::Release,
            51..74 => Action::PassTime,
            74..76 => Action::JumpWallClock,
            76..80 => Action::BreakOrMendDisk,
            80..90 => Action::ChangeHabits,
            90..92 => Action::ChangePolicy,
            92..95 => Action::LateWord,
            95..98 => Action::CrashDaemon,
            98 => Action::LosePower,
            _ => Action::ShutDown,
        }
    }

    pub(crate) fn policy(&mut self) -> Policy {
        let flap = FlapPolicy {
            restarted: 1 + u32::try_from(self.below(4)).unwrap_or(0),
            countdown: secs(1 + self.below(20)),
            decrement: secs(self.below(8)),
        };
        Policy {
            owner: if self.one_in(10) { 1000 } else { 0 },
            stop_on_shutdown: !self.one_in(3),
            stop_timeout: secs(self.below(4)),
            dependency_wait: if self.one_in(2) { secs(2) } else { Duration::ZERO },
            flap: self.one_in(3).then_some(flap),
            ..policy()
        }
    }

    pub(crate) fn caller(&mut self) -> Caller {
        match self.below(10) {
            0..6 => root(),
            6..8 => user(1000),
            8 => user(1001),
            _ => admin(1002),
        }
    }

    pub(crate) fn request(&mut self) -> Request {
        let force = self.one_in(3);
        match self.below(20) {
            0..6 => Request::Exec(Arc::new(self.spec())),
            6 | 7 => {
                let entries = (0..self.below(5)).map(|_| Arc::new(self.spec())).collect();
                let scopes = [InitScope::NewEntries, InitScope::Entries, InitScope::Everything];
                Request::Init {
                    entries,
                    scope: *self.pick(&scopes).unwrap_or(&InitScope::Entries),
                }
            }
            8..11 => Request::Restart {
                which: self.which(),
                force,
            },
            11..14 => Request::Stop {
                which: self.which(),
                force,
            },
            14 | 15 => Request::Delete {
                which: self.which(),
                force,
            },
            16 => Request::Reset(self.which()),
            17 => Request::CreateGroup(name(&self.group_name())),
            18 if self.one_in(2) => Request::DeleteGroups(self.groups()),
            18 => Request::Unassign {
                groups: self.groups(),
                processes: self.selectors(),
            },
            _ => Request::Assign {
                groups: self.groups(),
                processes: self.selectors(),
            },
        }
    }

    fn spec(&mut self) -> Spec {
        let number = self.below(PROGRAMS);
        let mut spec = spec(&format!("p{number}"));
        let needs: Vec<String> = (0..self.below(3))
            .map(|_| {
                if self.one_in(10) {
                    self.below(PROGRAMS)
                } else {
                    self.below(number + 1)
                }
            })
            .filter(|need| *need != number)
            .map(|need| format!("p{need}"))
            .collect();
        spec = spec.after(&needs.iter().map(String::as_str).collect::<Vec<_>>());
        let groups: Vec<String> = (0..self.below(3)).map(|_| self.group_name()).collect();
        spec = spec.in_groups(&groups.iter().map(String::as_str).collect::<Vec<_>>());
        match self.below(6) {
            0 => spec = spec.of_user(1000),
            1 => spec = spec.of_user(1001),
            2 => spec = spec.with_args(&["-v"]),
            3 => spec = spec.log_to("/var/log/shared.log"),
            4 => spec = spec.stop_timeout(millis(self.below(3_000))),
            _ => {}
        }
        if self.one_in(3) { spec.once() } else { spec }
    }

    fn which(&mut self) -> Which {
        match self.below(8) {
            0 => Which::All,
            1 => Which::Groups(self.groups()),
            _ => Which::These(self.selectors()),
        }
    }

    fn selectors(&mut self) -> Vec<Selector> {
        let one = |rng: &mut Rng| match rng.below(3) {
            0 => Selector::Id(Id(1 + u32::try_from(rng.below(PROGRAMS)).unwrap_or(0))),
            _ => Selector::Name(name(&format!("p{}", rng.below(PROGRAMS)))),
        };
        (0..=self.below(2)).map(|_| one(self)).collect()
    }

    fn groups(&mut self) -> Vec<Selector> {
        if self.one_in(4) {
            return vec![Selector::Id(Id(1 + u32::try_from(self.below(GROUPS)).unwrap_or(0)))];
        }
        names(&[&self.group_name()])
    }

    fn group_name(&mut self) -> String {
        format!("g{}", self.below(GROUPS))
    }

    /// Some program, and how it behaves from its next start on.
    pub(crate) fn habits(&mut self) -> (String, Habits) {
        let fails = match self.below(8) {
            0 => Some(("cannot start: no such file".to_owned(), false)),
            1 => Some(("cannot start: out of memory".to_owned(), true)),
            _ => None,
        };
        let dies_after = self.one_in(4).then(|| (millis(self.below(1_500)), self.exit()));
        let habits = Habits {
            fails,
            ignores_term: self.one_in(3),
            stuck: self.one_in(12),
            leaves_children: self.one_in(4),
            dies_after,
        };
        (format!("p{}", self.below(PROGRAMS)), habits)
    }

    pub(crate) fn exit(&mut self) -> Exit {
        match self.below(3) {
            0 => Exit::Code(0),
            1 => Exit::Code(1),
            _ => Exit::Signal(11),
        }
    }

    /// How much time passes: mostly little, sometimes long.
    pub(crate) fn time(&mut self) -> Duration {
        match self.below(10) {
            0..6 => millis(self.below(300)),
            6..9 => millis(self.below(5_000)),
            _ => secs(self.below(100)),
        }
    }

    /// What one thread may still say of a run that is history.
    pub(crate) fn late_word(&mut self, id: Id, run: Run) -> Observation {
        if self.one_in(2) {
            Observation::TreeGone { id, run }
        } else {
            Observation::Exited {
                id,
                run,
                exit: self.exit(),
                leftovers: self.one_in(2),
            }
        }
    }
}
