//! The thread that writes: whatever waits for it is taken together into one transaction.

mod batch;
mod state_counts;
mod tx;
mod wal;
mod work;

use martello_outbox::{Clock, engine::Notifier};
use rusqlite::Connection;
use tokio::sync::mpsc;

pub(crate) use tx::Tx;
pub(crate) use wal::Wal;
pub(crate) use work::{Operation, Task};

use crate::open::OpenedFile;

/// What the thread is told.
pub(crate) enum Message {
    Operation(Box<dyn Operation>),
    /// Do what was asked for until now, and no more.
    Close,
}

/// What the thread has.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) clock: Clock,
    pub(crate) notifier: Notifier,
    pub(crate) file: OpenedFile,
    pub(crate) wal: Wal,
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
                    Message::Operation(work) if work.is_abandoned() => {}
                    Message::Operation(work) => batch.push(work),
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
