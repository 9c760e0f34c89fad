//! The thread that writes: whatever waits for it is taken together into one transaction.

mod batch;
mod log;
mod moves;
mod tx;
mod work;

use martello_outbox::{Clock, engine::Notifier};
use rusqlite::Connection;
use tokio::sync::mpsc;

pub(crate) use log::Log;
pub(crate) use tx::Tx;
pub(crate) use work::{Task, Work};

use crate::open::Opened;

/// What the thread is told.
pub(crate) enum Message {
    Work(Box<dyn Work>),
    /// Do what was asked for until now, and no more.
    Close,
}

/// What the thread has.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) clock: Clock,
    pub(crate) notifier: Notifier,
    pub(crate) file: Opened,
    pub(crate) log: Log,
    /// The most operations of one transaction.
    pub(crate) most: usize,
}

impl Writer {
    /// Writes until nobody can ask for more.
    pub(crate) fn serve(&self, mut messages: mpsc::Receiver<Message>) {
        while let Some(first) = messages.blocking_recv() {
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    // Whoever does not wait for it any more has not been promised anything.
                    Message::Work(work) if work.is_abandoned() => {}
                    Message::Work(work) => batch.push(work),
                    Message::Close => messages.close(),
                }
                next = if batch.len() < self.most { messages.try_recv().ok() } else { None };
            }
            self.write(batch);
        }
    }

    fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }
}
