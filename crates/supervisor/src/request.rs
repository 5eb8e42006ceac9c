//! From a request to its deeds: one after the other each is checked (`check.rs`), written, and only then done.

use crate::effect::{Accepted, Effect};
use crate::event::{Caller, Refusal, Request, Ticket, Write};
use crate::process::{Context, Process};
use crate::record::{Change, Goal, Group};
use crate::saving::Key;
use crate::spec::{GroupId, Id, Spec};
use crate::supervisor::{Closing, Supervisor, Turn};
use crate::waits::Want;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Requests that were not answered yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    queue: VecDeque<(Ticket, Caller, Request)>,
    /// The one that is on its way to the disk.
    under_way: Option<(Ticket, Write, Plan)>,
    /// What changed meanwhile of that which it is about, to be written when the store has answered.
    deferred: BTreeSet<Key>,
    /// Whose askers do not wait for more than the reply.
    withdrawn: BTreeSet<Ticket>,
}

/// A request that was found good.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// To be written first.
    pub(crate) changes: Vec<Change>,
    /// To be done then.
    pub(crate) steps: Vec<Step>,
    /// To be answered then.
    pub(crate) accepted: Accepted,
}

/// One thing to be done.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Insert(Box<Process>),
    Replace(Id, Arc<Spec>),
    Order(Id, Order),
    PutGroup(Group),
    ForgetGroup(GroupId),
}

/// What a person orders of a process that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Start,
    Restart { force: bool },
    Stop { force: bool },
    Delete { force: bool },
    Reset,
}

impl Order {
    pub(crate) fn give(self, process: &mut Process, ctx: &mut Context<'_>) {
        match self {
            Order::Start => process.start(ctx),
            Order::Restart { force } => process.restart(force, ctx),
            Order::Stop { force } => process.stop(Goal::Down, force, ctx),
            Order::Delete { force } => process.stop(Goal::Gone, force, ctx),
            Order::Reset => process.reset(),
        }
    }

    /// What must come true of a process that was given this order.
    fn wanted(self, process: &Process) -> Option<Want> {
        match self {
            Order::Start | Order::Restart { .. } => Some(Want::up(process)),
            Order::Stop { .. } => Some(Want::Ended(process.run)),
            Order::Delete { .. } => Some(Want::Forgotten),
            Order::Reset => None,
        }
    }
}

impl Requests {
    /// The write of the request that is on its way to the disk.
    pub(crate) fn write_under_way(&self) -> Option<Write> {
        self.under_way.as_ref().map(|(_, write, _)| *write)
    }

    /// This will have changed when that write is answered.
    pub(crate) fn defer(&mut self, key: Key) {
        self.deferred.insert(key);
    }

    /// Whether this ticket is still here; if so, nobody waits for what comes after its reply.
    pub(crate) fn withdraw(&mut self, ticket: Ticket) -> bool {
        let under_way = self.under_way.as_ref().is_some_and(|(other, ..)| *other == ticket);
        let here = under_way || self.queue.iter().any(|(other, ..)| *other == ticket);
        if here {
            self.withdrawn.insert(ticket);
        }
        here
    }

    fn take_under_way(&mut self, write: Write) -> Option<(Ticket, Plan)> {
        self.under_way
            .take_if(|(_, of, _)| *of == write)
            .map(|(ticket, _, plan)| (ticket, plan))
    }
}

impl Supervisor {
    pub(crate) fn take_request(&mut self, ticket: Ticket, caller: Caller, request: Request, turn: &mut Turn) {
        if self.closing == Closing::No {
            self.requests.queue.push_back((ticket, caller, request));
        } else {
            turn.out.push(Effect::Reply(ticket, Err(Refusal::Closing)));
        }
    }

    /// Lets requests in until one is on its way to the disk. Whether something was done at once.
    pub(crate) fn admit_requests(&mut self, turn: &mut Turn) -> bool {
        while self.requests.under_way.is_none() {
            let Some((ticket, caller, request)) = self.requests.queue.pop_front() else {
                break;
            };
            match self.check(&caller, request, turn.now) {
                Err(refusal) => self.refuse(ticket, refusal, turn),
                Ok(plan) if plan.changes.is_empty() => {
                    self.carry_out(ticket, plan, turn);
                    return true;
                }
                Ok(mut plan) => {
                    let write = self.write(std::mem::take(&mut plan.changes), true, turn);
                    self.requests.under_way = Some((ticket, write, plan));
                }
            }
        }
        false
    }

    pub(crate) fn request_was_stored(&mut self, write: Write, turn: &mut Turn) {
        if let Some((ticket, plan)) = self.requests.take_under_way(write) {
            turn.dirty.append(&mut self.requests.deferred);
            self.carry_out(ticket, plan, turn);
        }
    }

    /// Whether the write that failed was that of a request.
    pub(crate) fn request_was_not_stored(&mut self, write: Write, why: &str, turn: &mut Turn) -> bool {
        let Some((ticket, _)) = self.requests.take_under_way(write) else {
            return false;
        };
        turn.dirty.append(&mut self.requests.deferred);
        self.refuse(ticket, Refusal::StoreFailed(why.to_owned()), turn);
        true
    }

    /// The daemon closes: only the request that is on its way to the disk is still carried out.
    pub(crate) fn refuse_waiting_requests(&mut self, turn: &mut Turn) {
        for (ticket, ..) in std::mem::take(&mut self.requests.queue) {
            self.refuse(ticket, Refusal::Closing, turn);
        }
    }

    fn refuse(&mut self, ticket: Ticket, refusal: Refusal, turn: &mut Turn) {
        self.requests.withdrawn.remove(&ticket);
        turn.out.push(Effect::Reply(ticket, Err(refusal)));
    }

    fn carry_out(&mut self, ticket: Ticket, plan: Plan, turn: &mut Turn) {
        let mut wants = Vec::new();
        for step in plan.steps {
            match step {
                Step::Insert(process) => wants.push(self.take_in(*process, turn)),
                Step::Replace(id, spec) => {
                    self.known.replace_spec(id, spec);
                    turn.changed(id);
                }
                Step::Order(id, order) => {
                    // One that was being deleted may be gone by now.
                    let Some(process) = self.known.get_mut(id) else {
                        continue;
                    };
                    order.give(process, &mut turn.context(&self.policy));
                    wants.extend(order.wanted(process).map(|want| (id, want)));
                    turn.changed(id);
                }
                Step::PutGroup(group) => self.groups.insert(group),
                Step::ForgetGroup(id) => self.groups.remove(id),
            }
        }
        turn.out.push(Effect::Reply(ticket, Ok(plan.accepted)));
        if !self.requests.withdrawn.remove(&ticket) {
            self.waits.begin(ticket, wants, &mut self.known, &mut turn.out);
        }
    }

    fn take_in(&mut self, mut process: Process, turn: &mut Turn) -> (Id, Want) {
        let id = process.id;
        let want = Want::up(&process);
        if self.closing == Closing::Stopping {
            process.close(false, &mut turn.context(&self.policy));
        }
        self.known.insert(process);
        turn.changed(id);
        (id, want)
    }
}
