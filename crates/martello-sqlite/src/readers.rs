//! The threads that read. A list does not wait for a commit, nor a commit for a list.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use martello_outbox::{StoreError, store::Clock};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    fault::{Fault, explain, panicked},
    sql,
};

/// A message to the reader threads.
pub(crate) enum ReadTask {
    Read(Box<dyn FnOnce(&Reader) + Send>),
    /// Answer the messages before this one, then end.
    Close,
}

/// What one reader thread owns.
pub(crate) struct Reader {
    pub(crate) connection: Connection,
    pub(crate) clock: Clock,
}

/// The waiting reads, shared by all reader threads.
pub(crate) type ReadTasks = Arc<Mutex<mpsc::Receiver<ReadTask>>>;

impl Reader {
    /// Answers reads until the channel is closed.
    pub(crate) fn serve(&self, tasks: &ReadTasks) {
        loop {
            let mut waiting = tasks.lock().unwrap_or_else(PoisonError::into_inner);
            let next = waiting.blocking_recv();
            if matches!(next, Some(ReadTask::Close)) {
                waiting.close();
            }
            drop(waiting);
            match next {
                Some(ReadTask::Read(read)) => read(self),
                Some(ReadTask::Close) => {}
                None => return,
            }
        }
    }

    /// The current time, in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// Runs a read in one transaction, so that it sees one state of the file.
    fn read<T>(&self, read: impl FnOnce(&Self) -> Result<T, Fault>) -> Result<T, StoreError> {
        sql::run(&self.connection, "BEGIN", []).map_err(explain)?;
        // A read changes nothing, so a panic leaves nothing half done.
        let done = catch_unwind(AssertUnwindSafe(|| read(self)));
        if !self.connection.is_autocommit() {
            sql::run(&self.connection, "ROLLBACK", []).map_err(explain)?;
        }
        done.unwrap_or_else(|_| Err(panicked().into())).map_err(StoreError::from)
    }
}

/// A read as a message, and the receiver of its result.
pub(crate) fn task<T: Send + 'static>(
    read: impl FnOnce(&Reader) -> Result<T, Fault> + Send + 'static,
) -> (ReadTask, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let task = ReadTask::Read(Box::new(move |reader| {
        if !reply.is_closed() {
            // Sending fails when the caller has dropped its future.
            drop(reply.send(reader.read(read)));
        }
    }));
    (task, answer)
}
