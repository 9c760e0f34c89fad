//! The thread that writes. It runs all waiting operations in one transaction.

mod batch;
mod state_counts;
mod tx;
mod wal;
mod work;

use martello_outbox::{engine::Notifier, store::Clock};
use rusqlite::Connection;
use tokio::sync::mpsc;

pub(crate) use tx::Tx;
pub(crate) use wal::Wal;
pub(crate) use work::{Operation, Task};

use crate::open::OpenedFile;

/// A message to the writer thread.
pub(crate) enum Message {
    Operation(Box<dyn Operation>),
    /// Run the operations before this one, then end.
    Close,
}

/// What the writer thread owns.
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
    /// Runs operations until the channel is closed.
    pub(crate) fn serve(&self, mut messages: mpsc::Receiver<Message>) {
        while let Some(first) = messages.blocking_recv() {
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    // The caller has dropped its future and got no answer, so nothing was acknowledged.
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
