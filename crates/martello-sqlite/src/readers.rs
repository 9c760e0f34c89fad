//! The threads that read beside the writer, so that a list does not wait for a commit, nor a commit for a list.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use martello_outbox::{Clock, StoreError};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    fault::{Fault, explain, panicked},
    sql,
};

/// What the threads are told.
pub(crate) enum ReadTask {
    Read(Box<dyn FnOnce(&Reader) + Send>),
    /// Answer what was asked until now, and no more.
    Close,
}

/// What one thread has.
pub(crate) struct Reader {
    pub(crate) connection: Connection,
    pub(crate) clock: Clock,
}

/// The questions that wait, for whichever thread is free.
pub(crate) type ReadTasks = Arc<Mutex<mpsc::Receiver<ReadTask>>>;

impl Reader {
    /// Reads until nobody can ask for more.
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

    /// The moment, in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_microsecond()
    }

    /// Reads all that is asked for from one state of the file.
    fn read<T>(&self, read: impl FnOnce(&Self) -> Result<T, Fault>) -> Result<T, StoreError> {
        sql::run(&self.connection, "BEGIN", []).map_err(explain)?;
        // Nothing is changed that a panic could leave half done.
        let done = catch_unwind(AssertUnwindSafe(|| read(self)));
        if !self.connection.is_autocommit() {
            sql::run(&self.connection, "ROLLBACK", []).map_err(explain)?;
        }
        done.unwrap_or_else(|_| Err(panicked().into())).map_err(StoreError::from)
    }
}

/// A question, and where its answer comes.
pub(crate) fn task<T: Send + 'static>(
    read: impl FnOnce(&Reader) -> Result<T, Fault> + Send + 'static,
) -> (ReadTask, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    let task = ReadTask::Read(Box::new(move |reader| {
        if !reply.is_closed() {
            // Nobody may be left to hear of it.
            drop(reply.send(reader.read(read)));
        }
    }));
    (task, answer)
}
