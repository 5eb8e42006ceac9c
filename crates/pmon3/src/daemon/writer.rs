//! The writer: the one thread that touches the disk for the store, so that nobody else ever waits for it.

use super::mailbox::{Mailbox, Message};
use pmon3_store::Store;
use pmon3_supervisor::{Change, Write};
use std::sync::mpsc;
use std::thread;

/// One write that the core asked for.
pub(crate) struct Order {
    pub(crate) write: Write,
    pub(crate) changes: Vec<Change>,
    /// Whether it must survive a loss of power.
    pub(crate) durable: bool,
}

/// The sending end; dropping it ends the thread once all orders are carried out.
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
    thread: thread::JoinHandle<()>,
}

/// At most this many changes go into one transaction: a bound on the time that the first of them waits.
const CHANGES_MAX: usize = 4096;

impl Writer {
    /// Starts the thread; it answers each order in the mailbox.
    pub(crate) fn start(store: Store, mailbox: Mailbox) -> std::io::Result<Writer> {
        let (orders, inbox) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || run(store, &inbox, &mailbox))?;
        Ok(Writer { orders, thread })
    }

    /// Asks for a write. It is answered in any case.
    pub(crate) fn order(&self, order: Order, mailbox: &Mailbox) {
        if let Err(mpsc::SendError(order)) = self.orders.send(order) {
            let why = "the thread that writes to the database has ended".to_owned();
            // Nobody but the owner itself reads this mailbox, and it is there: it asks.
            let _ = mailbox.send(Message::StoreFailed(order.write, why));
        }
    }

    /// Carries out what is left, closes the database.
    pub(crate) fn finish(self) {
        drop(self.orders);
        if self.thread.join().is_err() {
            log::error!("the thread that writes to the database ended with a panic");
        }
    }
}

fn run(mut store: Store, inbox: &mpsc::Receiver<Order>, mailbox: &Mailbox) {
    while let Ok(first) = inbox.recv() {
        // All that is waiting goes to the disk together: one fsync for many.
        let mut writes = vec![first.write];
        let mut changes = first.changes;
        let mut durable = first.durable;
        while changes.len() < CHANGES_MAX {
            let Ok(next) = inbox.try_recv() else { break };
            writes.push(next.write);
            changes.extend(next.changes);
            durable |= next.durable;
        }
        let result = store.save(&changes, durable);
        for write in writes {
            let answer = match &result {
                Ok(()) => Message::Stored(write),
                Err(error) => Message::StoreFailed(write, error.to_string()),
            };
            if mailbox.send(answer).is_err() {
                return;
            }
        }
    }
}
