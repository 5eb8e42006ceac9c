//! From effects to the world.

use super::owner::{Owner, now};
use super::writer::Order;
use pmon3_supervisor::{Ask, Effect, Event, Id, Live, News, Notice, Observation, Request, Run, Selector, Spec, Which};
use std::sync::Arc;

/// A request in a few words, for the log.
pub(super) fn describe(request: &Request) -> String {
    let list = |selectors: &[Selector]| selectors.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let which = |which: &Which| match which {
        Which::All => "all".to_owned(),
        Which::These(selectors) => list(selectors),
        Which::Groups(selectors) => format!("groups {}", list(selectors)),
    };
    let forced = |force: &bool| if *force { " by force" } else { "" };
    match request {
        Request::Exec(spec) => format!("exec {} as user {}", spec.name, spec.user.name),
        Request::Init { entries, .. } => format!("init with {} entries", entries.len()),
        Request::Restart { which: whom, force } => format!("restart {}{}", which(whom), forced(force)),
        Request::Stop { which: whom, force } => format!("stop {}{}", which(whom), forced(force)),
        Request::Delete { which: whom, force } => format!("delete {}{}", which(whom), forced(force)),
        Request::Reset(whom) => format!("reset {}", which(whom)),
        Request::CreateGroup(name) => format!("create group {name}"),
        Request::DeleteGroups(groups) => format!("delete groups {}", list(groups)),
        Request::Assign { groups, processes } => format!("put {} into groups {}", list(processes), list(groups)),
        Request::Unassign { groups, processes } => format!("take {} out of groups {}", list(processes), list(groups)),
    }
}

impl Owner {
    pub(super) fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Spawn(id, run, spec) => self.spawn(id, run, &spec),
            Effect::Signal(id, run, ask) => self.signal(id, run, ask),
            Effect::Store {
                write,
                changes,
                durable,
            } => {
                self.writer.order(
                    Order {
                        write,
                        changes,
                        durable,
                    },
                    &self.mailbox,
                );
            }
            Effect::RemoveLog(spec) => self.children.remove_log(&spec),
            Effect::Announce(notice) => self.announce(&notice),
            Effect::Reply(ticket, reply) => {
                let refused = reply.is_err();
                if let Some(waiting) = self.answers.get_mut(&ticket) {
                    if let Some(sender) = waiting.reply.take() {
                        // Whoever asked may have hung up.
                        let _ = sender.send(reply);
                    }
                    if refused {
                        self.answers.remove(&ticket);
                    }
                }
            }
            Effect::Settled(ticket, problems) => {
                if let Some(waiting) = self.answers.remove(&ticket) {
                    let _ = waiting.settled.send(problems);
                }
            }
            Effect::Finish => self.finished = true,
        }
    }

    fn spawn(&mut self, id: Id, run: Run, spec: &Arc<Spec>) {
        let observation = match self.children.spawn(id, run, spec) {
            Ok(child) => {
                let live = Live {
                    pid: child.pid,
                    identity: child.identity,
                    started_at: now().wall,
                };
                Observation::Started { id, run, live }
            }
            Err(error) => Observation::SpawnFailed {
                id,
                run,
                message: error.to_string(),
                transient: error.is_transient(),
            },
        };
        self.seen.push_back(Event::Observed(observation));
    }

    fn signal(&mut self, id: Id, run: Run, ask: Ask) {
        self.children.signal(id, ask);
        // The main process tells of its own end; what it leaves behind is watched from then on.
        if !self.children.has_main(id) {
            self.children.await_end(id, run, &self.poller);
            if let Some(run) = self.children.look_at_tree(id, &self.poller) {
                self.seen.push_back(Event::Observed(Observation::TreeGone { id, run }));
            }
        }
    }

    fn announce(&mut self, notice: &Notice) {
        let Notice { id, name, news } = notice;
        match news {
            News::Started { pid, restart: false } => log::info!("{name} ({id}): started, pid {pid}"),
            News::Started { pid, restart: true } => log::info!("{name} ({id}): restarted, pid {pid}"),
            News::Adopted { pid } => log::info!("{name} ({id}): found running, pid {pid}"),
            News::Ended {
                exit,
                ran,
                by_itself: true,
            } => log::warn!("{name} ({id}): ended after {ran:.1?}: {exit}"),
            News::Ended {
                exit,
                ran,
                by_itself: false,
            } => log::info!("{name} ({id}): ended after {ran:.1?}: {exit}"),
            News::Leftovers => log::warn!("{name} ({id}): left descendants behind, they are being killed"),
            News::Delayed(delay) => log::warn!("{name} ({id}): ends soon after each start, next one in {delay:.1?}"),
            News::Backoff(length) => log::warn!("{name} ({id}): restarts too often, held in backoff for {length:.1?}"),
            News::Failed(Some(why)) => log::error!("{name} ({id}): failed: {why}"),
            News::Failed(None) => log::warn!("{name} ({id}): failed: ended, and is not to be restarted"),
            News::Killed => log::warn!("{name} ({id}): did not end within its stop timeout, is being killed"),
            News::Stuck => log::error!("{name} ({id}): is still there after SIGKILL: the kernel holds it"),
            News::Stopped => log::info!("{name} ({id}): stopped"),
            News::Deleted => {
                log::info!("{name} ({id}): deleted");
                self.children.forget(*id);
            }
            News::Unsaved(why) => log::error!("{name} ({id}): what is remembered of it is not on disk: {why}"),
        }
        if self.hooks.wants(news)
            && let Some(view) = self.supervisor.view(*id)
        {
            self.hooks.tell(news, &view);
        }
    }
}
