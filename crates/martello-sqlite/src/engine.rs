//! The threads of a store, and the channels to them.

use std::{
    io,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use martello_outbox::{
    StoreError, StoreErrorKind,
    engine::{Notifier, closed},
    store::{Clock, Watch},
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    fault::Fault,
    open::DatabasePath,
    readers::{ReadTask, ReadTasks, Reader, task},
    watcher::{WatcherHandle, watcher},
    writer::{Message, Task, Tx, Wal, Writer},
};

/// The options that a store is opened with.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) database: DatabasePath,
    pub(crate) clock: Clock,
    pub(crate) most: usize,
    pub(crate) waiting: usize,
    pub(crate) readers: usize,
}

/// The handle to the threads. When it is dropped, they finish the operations in their channels, close the
/// file and end.
#[derive(Debug)]
pub(crate) struct Engine {
    writes: mpsc::Sender<Message>,
    reads: mpsc::Sender<ReadTask>,
    notifier: Notifier,
    watcher_handle: WatcherHandle,
    /// Closes when the last thread has ended.
    alive: watch::Receiver<()>,
}

impl Engine {
    pub(crate) async fn open(options: Options) -> Result<Self, StoreError> {
        let (reply, opened) = oneshot::channel();
        let run = move || match start(&options) {
            Ok((engine, running)) => {
                // The caller may have dropped its future. Then the engine is dropped here, and its threads
                // end.
                drop(reply.send(Ok(engine)));
                running.run();
            }
            Err(error) => drop(reply.send(Err(error))),
        };
        spawn("martello-sqlite-writer", run)?;
        opened.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs an operation in a transaction, which other operations may share.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        act: impl FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (work, answer) = Task::boxed(act);
        self.writes.send(Message::Operation(work)).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs a read in a transaction of its own.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (task, answer) = task(read);
        self.reads.send(task).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    pub(crate) fn watch(&self, what: Watch) -> watch::Receiver<u64> {
        let receiver = self.notifier.subscribe(what);
        self.watcher_handle.wake();
        receiver
    }

    /// Ends the threads, and waits until the file is closed.
    pub(crate) async fn close(&self) {
        self.watcher_handle.close();
        // One of the readers receives this and closes the channel for all. If sending fails, it is closed
        // already.
        drop(self.reads.send(ReadTask::Close).await);
        drop(self.writes.send(Message::Close).await);
        // No value is ever sent, so this fails when the last thread has ended.
        drop(self.alive.clone().changed().await);
    }
}

/// What the writer thread owns.
struct Threads {
    writer: Writer,
    messages: mpsc::Receiver<Message>,
    others: Vec<JoinHandle<()>>,
    alive: watch::Sender<()>,
}

impl Threads {
    /// Runs the writer until its channel closes, waits for the other threads, then closes the file.
    fn run(self) {
        self.writer.serve(self.messages);
        for other in self.others {
            // A thread that panicked has ended, too.
            drop(other.join());
        }
        drop(self.writer);
        drop(self.alive);
    }
}

fn start(options: &Options) -> Result<(Engine, Threads), StoreError> {
    let connection = options.database.open()?;
    let notifier = Notifier::default();
    let (watcher_handle, watcher) = watcher(options.database.open_reader()?, notifier.clone());
    let (reads, tasks) = mpsc::channel(options.waiting);
    let tasks: ReadTasks = Arc::new(Mutex::new(tasks));
    let mut others = Vec::new();
    for _ in 0..options.readers {
        let reader = Reader { connection: options.database.open_reader()?, clock: options.clock.clone() };
        let tasks = Arc::clone(&tasks);
        others.push(spawn("martello-sqlite-reader", move || reader.serve(&tasks))?);
    }
    others.push(spawn("martello-sqlite-watcher", move || watcher.serve())?);
    let (writes, messages) = mpsc::channel(options.waiting);
    let (alive, ended) = watch::channel(());
    let (file, wal) = (options.database.opened(), Wal::of(&options.database));
    let (clock, most) = (options.clock.clone(), options.most);
    let writer = Writer { connection, clock, notifier: notifier.clone(), file, wal, most };
    let engine = Engine { writes, reads, notifier, watcher_handle, alive: ended };
    Ok((engine, Threads { writer, messages, others, alive }))
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    let refused = |error: io::Error| {
        let message =
            "the system cannot start another thread: stop other processes, or raise the limit of threads";
        StoreError::new(StoreErrorKind::Unavailable, message).with_source(error)
    };
    thread::Builder::new().name(name.to_owned()).spawn(run).map_err(refused)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use martello_outbox::{StoreErrorKind, store::Clock};

    use super::{DatabasePath, Engine, Options};

    #[tokio::test]
    async fn a_panicking_operation_is_rolled_back_and_affects_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("outbox.db");
        let database =
            DatabasePath { path, create: true, busy_timeout: Duration::from_secs(1), max_size: None };
        let options = Options { database, clock: Clock::Engine, most: 8, waiting: 8, readers: 1 };
        let engine = Engine::open(options).await.unwrap();
        let insert = "INSERT INTO queue (name) VALUES (?1)";
        let (before, panicked, after) = tokio::join!(
            engine.write(|tx| Ok(tx.execute(insert, ["before"])?)),
            engine.write::<()>(|tx| {
                tx.execute(insert, ["panicked"])?;
                panic!("the test wants it")
            }),
            engine.write(|tx| Ok(tx.execute(insert, ["after"])?)),
        );
        assert_eq!((before.unwrap(), after.unwrap()), (1, 1));
        assert_eq!(panicked.unwrap_err().kind(), StoreErrorKind::Internal);
        let read = engine.read::<()>(|_| panic!("the test wants it")).await;
        assert_eq!(read.unwrap_err().kind(), StoreErrorKind::Internal);
        let count = "SELECT count(*) FROM queue";
        let count = engine
            .read(move |reader| Ok(reader.connection.query_row(count, [], |row| row.get::<_, i64>(0))?));
        assert_eq!(count.await.unwrap(), 2);
    }
}
