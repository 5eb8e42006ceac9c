//! The owner: one thread, one loop, all events in one order. It alone knows the supervisor and the children.
//!
//! It sleeps until the kernel or the mailbox has something, or the next deadline comes. The way from SIGCHLD to the
//! successor's first instruction lies here and nowhere else: `reap` -> [`Supervisor::handle`] -> `perform`.

use super::children::Children;
use super::hooks::Hooks;
use super::mailbox::{Answer, Mailbox, Message};
use super::perform::describe;
use super::policy;
use super::writer::Writer;
use pmon3_config::Settings;
use pmon3_linux::poll::{Poller, Signals, Waker};
use pmon3_supervisor::{Effect, Event, Id, Now, Observation, Run, Supervisor, Ticket};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Instant, SystemTime};

/// Tokens of the poller; from [`FIRST_WATCH`] on each is a thing of [`Children`].
const SIGNALS: u64 = 0;
const BELL: u64 = 1;
/// See above.
pub(crate) const FIRST_WATCH: u64 = 16;

/// Everything that the loop works with.
pub(crate) struct Owner {
    pub(super) supervisor: Supervisor,
    pub(super) children: Children,
    pub(super) hooks: Hooks,
    pub(super) writer: Writer,
    pub(super) mailbox: Mailbox,
    /// Requests that are not answered to the end yet.
    pub(super) answers: BTreeMap<Ticket, Waiting>,
    /// What has been seen and not been told to the supervisor yet.
    pub(super) seen: VecDeque<Event>,
    pub(super) poller: Poller,
    pub(super) finished: bool,
    signals: Signals,
    bell: Waker,
    inbox: mpsc::Receiver<Message>,
    /// Asks the API's thread to read the configuration again.
    reload: tokio::sync::mpsc::UnboundedSender<()>,
}

/// Somebody who waits for an answer.
pub(super) struct Waiting {
    pub(super) reply:
        Option<tokio::sync::oneshot::Sender<Result<pmon3_supervisor::Accepted, pmon3_supervisor::Refusal>>>,
    pub(super) settled: tokio::sync::oneshot::Sender<Vec<pmon3_supervisor::Problem>>,
}

impl From<Answer> for Waiting {
    fn from(answer: Answer) -> Waiting {
        Waiting {
            reply: Some(answer.reply),
            settled: answer.settled,
        }
    }
}

/// What the owner is made of.
pub(crate) struct Parts {
    pub(crate) supervisor: Supervisor,
    pub(crate) children: Children,
    pub(crate) hooks: Hooks,
    pub(crate) writer: Writer,
    pub(crate) mailbox: Mailbox,
    pub(crate) inbox: mpsc::Receiver<Message>,
    pub(crate) poller: Poller,
    pub(crate) signals: Signals,
    pub(crate) bell: Waker,
    pub(crate) reload: tokio::sync::mpsc::UnboundedSender<()>,
}

/// The time of this turn.
pub(crate) fn now() -> Now {
    Now {
        mono: Instant::now(),
        wall: SystemTime::now(),
    }
}

impl Owner {
    /// Puts the parts together.
    pub(crate) fn new(parts: Parts) -> io::Result<Owner> {
        let Parts {
            supervisor,
            children,
            hooks,
            writer,
            mailbox,
            inbox,
            poller,
            signals,
            bell,
            reload,
        } = parts;
        poller.add(&signals, SIGNALS)?;
        poller.add(&bell, BELL)?;
        Ok(Owner {
            supervisor,
            children,
            hooks,
            writer,
            mailbox,
            answers: BTreeMap::new(),
            seen: VecDeque::new(),
            poller,
            finished: false,
            signals,
            bell,
            inbox,
            reload,
        })
    }

    /// What restoring brought is carried out before anybody can ask for more.
    pub(crate) fn begin(&mut self, effects: Vec<Effect>) {
        self.perform_all(effects);
        self.drain_seen();
    }

    /// Runs until the supervisor says that nothing is left to do.
    pub(crate) fn run(mut self) -> io::Result<Writer> {
        while !self.finished {
            let deadline = [self.supervisor.next_deadline(), self.hooks.next_deadline()]
                .into_iter()
                .flatten()
                .min();
            let ready: Vec<u64> = self.poller.wait(deadline)?.to_vec();
            for token in ready {
                match token {
                    SIGNALS => self.take_signals()?,
                    BELL => self.read_letters()?,
                    watch => self.look_at(watch),
                }
            }
            if self.supervisor.next_deadline().is_some_and(|at| at <= Instant::now()) {
                self.tell(Event::Wake);
            }
            self.hooks.wake(Instant::now());
        }
        self.children.close();
        Ok(self.writer)
    }

    /// One event to the supervisor, its effects to the world, and what these bring back, until nothing is left.
    pub(super) fn tell(&mut self, event: Event) {
        self.seen.push_back(event);
        self.drain_seen();
    }

    fn drain_seen(&mut self) {
        while let Some(event) = self.seen.pop_front() {
            let effects = self.supervisor.handle(now(), event);
            self.perform_all(effects);
        }
    }

    // ---- signals ----

    fn take_signals(&mut self) -> io::Result<()> {
        while let Some(received) = self.signals.next()? {
            match received.signal {
                libc_signals::CHLD => self.reap()?,
                libc_signals::HUP => {
                    log::info!("SIGHUP: reading the configuration again");
                    let _ = self.reload.send(());
                }
                signal => {
                    log::info!("signal {signal} from pid {}: closing", received.pid);
                    self.tell(Event::Shutdown);
                }
            }
        }
        Ok(())
    }

    fn reap(&mut self) -> io::Result<()> {
        let mut orphans = false;
        while let Some((pid, exit)) = pmon3_linux::reap::next()? {
            if let Some((id, run)) = self.children.take_main(pid) {
                self.main_ended(id, run, policy::exit(exit));
            } else if !self.hooks.ended(pid, exit) {
                orphans = true;
            }
        }
        if orphans {
            // Descendants of a main process that is gone came to us as subreaper, and ended.
            for id in self.children.awaited() {
                self.look_at_tree(id);
            }
        }
        Ok(())
    }

    fn main_ended(&mut self, id: Id, run: Run, exit: pmon3_supervisor::Exit) {
        let leftovers = self.children.has_leftovers(id);
        if leftovers {
            // Before it is told: what follows may be the next run already, and that one is not to be awaited.
            self.children.await_end(id, run, &self.poller);
        }
        self.tell(Event::Observed(Observation::Exited {
            id,
            run,
            exit,
            leftovers,
        }));
        if leftovers {
            self.look_at_tree(id);
        }
    }

    // ---- watches ----

    fn look_at(&mut self, token: u64) {
        if let Some((id, run, exit)) = self.children.adopted_ended(token, &self.poller) {
            self.main_ended(id, run, policy::exit(exit));
        } else if let Some(id) = self.children.tree_of(token) {
            self.look_at_tree(id);
        }
    }

    /// Is anything of this tree left? If not, say so; if something has come that was not there, it is killed too.
    fn look_at_tree(&mut self, id: Id) {
        if let Some(run) = self.children.look_at_tree(id, &self.poller) {
            self.tell(Event::Observed(Observation::TreeGone { id, run }));
        }
    }

    // ---- letters ----

    fn read_letters(&mut self) -> io::Result<()> {
        self.bell.drain()?;
        while let Ok(message) = self.inbox.try_recv() {
            match message {
                Message::Request {
                    ticket,
                    caller,
                    request,
                    answer,
                } => {
                    log::info!("uid {} asks: {}", caller.uid, describe(&request));
                    self.children.forget_accounts();
                    self.answers.insert(ticket, answer.into());
                    self.tell(Event::Request(ticket, caller, request));
                }
                Message::Look(question) => question(&self.supervisor),
                Message::Withdraw(ticket) => {
                    self.supervisor.withdraw(ticket);
                    self.answers.remove(&ticket);
                }
                Message::Settings(settings) => self.take_settings(&settings),
                Message::Stored(write) => self.tell(Event::Stored(write)),
                Message::StoreFailed(write, why) => {
                    log::error!("the database cannot be written, supervision goes on from memory: {why}");
                    self.tell(Event::StoreFailed(write, why));
                }
            }
        }
        Ok(())
    }

    fn take_settings(&mut self, settings: &Arc<Settings>) {
        self.hooks.configure(settings);
        self.children.configure(settings);
        let owner = self.supervisor.policy().owner;
        self.tell(Event::Policy(policy::from_settings(settings, owner)));
    }
}

/// Numbers of signals: the same on every Linux that Rust runs on but for CHLD on MIPS and the like.
mod libc_signals {
    use rustix::process::Signal;

    pub(super) const CHLD: i32 = Signal::CHILD.as_raw();
    pub(super) const HUP: i32 = Signal::HUP.as_raw();
}
