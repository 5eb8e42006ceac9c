//! The way to the owner: whoever wants something of the supervisor writes a letter and rings.

use pmon3_config::Settings;
use pmon3_linux::poll::Waker;
use pmon3_supervisor::{Accepted, Caller, Problem, Refusal, Request, Supervisor, Ticket, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use tokio::sync::oneshot;

/// What the owner is told.
pub(crate) enum Message {
    /// A person wants something.
    Request {
        ticket: Ticket,
        caller: Caller,
        request: Request,
        answer: Answer,
    },
    /// Somebody wants to know something; answered between two events.
    Look(Box<dyn FnOnce(&Supervisor) + Send>),
    /// Nobody waits for this any more.
    Withdraw(Ticket),
    /// The configuration changed.
    Settings(Arc<Settings>),
    /// A write is on disk.
    Stored(Write),
    /// A write failed.
    StoreFailed(Write, String),
}

/// Where the two answers to a request go.
pub(crate) struct Answer {
    /// Written down, or refused.
    pub(crate) reply: oneshot::Sender<Result<Accepted, Refusal>>,
    /// All that it caused has come true, or will not.
    pub(crate) settled: oneshot::Sender<Vec<Problem>>,
}

/// A request on its way.
pub(crate) struct UnderWay {
    pub(crate) ticket: Ticket,
    pub(crate) reply: oneshot::Receiver<Result<Accepted, Refusal>>,
    pub(crate) settled: oneshot::Receiver<Vec<Problem>>,
}

/// The owner is gone: the daemon is ending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// The sending end. Its length is bounded by what its users may have under way: one request for each connection, and
/// the writes that the owner itself asked for.
#[derive(Clone)]
pub(crate) struct Mailbox {
    letters: mpsc::Sender<Message>,
    bell: Waker,
    tickets: Arc<AtomicU64>,
}

impl Mailbox {
    /// A mailbox, and the end that its owner reads.
    pub(crate) fn new(bell: Waker) -> (Mailbox, mpsc::Receiver<Message>) {
        let (letters, inbox) = mpsc::channel();
        (
            Mailbox {
                letters,
                bell,
                tickets: Arc::new(AtomicU64::new(1)),
            },
            inbox,
        )
    }

    /// Leaves a letter.
    pub(crate) fn send(&self, message: Message) -> Result<(), Gone> {
        self.letters.send(message).map_err(|_| Gone)?;
        // It can only fail when it is rung already, 2^64 times.
        let _ = self.bell.wake();
        Ok(())
    }

    /// Asks for something to be done.
    pub(crate) fn request(&self, caller: Caller, request: Request) -> Result<UnderWay, Gone> {
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        let (reply, reply_end) = oneshot::channel();
        let (settled, settled_end) = oneshot::channel();
        self.send(Message::Request {
            ticket,
            caller,
            request,
            answer: Answer { reply, settled },
        })?;
        Ok(UnderWay {
            ticket,
            reply: reply_end,
            settled: settled_end,
        })
    }

    /// Asks what is known.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Supervisor) -> T + Send + 'static,
    ) -> Result<T, Gone> {
        let (answer, end) = oneshot::channel();
        self.send(Message::Look(Box::new(move |supervisor| {
            // Whoever asked may have hung up.
            let _ = answer.send(question(supervisor));
        })))?;
        end.await.map_err(|_| Gone)
    }
}
