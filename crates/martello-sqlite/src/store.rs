use std::{fmt, path::Path, sync::Arc, time::Duration};

use martello_outbox::{
    Change, Check, Cursor, Detail, Enqueued, Entry, EntryId, Filter, JobId, NewEntry, OrderKey, Overtaken,
    Page, Purge, QueueName, QueueStats, ReplayJob, Store, WhenOvertaken,
    store::{KeyState, Lease, StoreFuture, Turn, Turned, Watch},
};
use tokio::sync::watch;

use crate::{engine::Engine, read, write};

/// An outbox in one SQLite file.
///
/// A clone is the same store and shares its threads. When the last clone is dropped, the threads finish the
/// operations that they have received, close the file and end in the background; [`SqliteStore::close`] waits
/// for them. Several stores on the same file, in one process or in several, behave like one.
///
/// Dropping the future of an operation cancels it if the thread that writes has not received it yet; after
/// that, the operation may take place. The store does its work on its own threads and needs no particular
/// tokio runtime.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("outbox.db");
/// use martello_outbox::{Filter, State, Store};
/// use martello_sqlite::SqliteStore;
///
/// let store = SqliteStore::open(&path).await?;
/// assert_eq!(store.count(Filter::state(State::Ready)).await?, 0);
/// store.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    engine: Arc<Engine>,
    path: Arc<Path>,
}

impl SqliteStore {
    pub(crate) fn new(engine: Engine, path: &Path) -> Self {
        Self { engine: Arc::new(engine), path: path.into() }
    }

    #[cfg(feature = "poll")]
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine)
    }

    /// The absolute path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the store for all clones: finishes the operations that it has received, and waits until the
    /// file is closed. Later operations fail with
    /// [`StoreErrorKind::Unavailable`](martello_outbox::StoreErrorKind::Unavailable).
    ///
    /// If no other store has the file open, this also removes its -wal and -shm files. If the future is
    /// dropped, closing may be incomplete: call this again, or drop the store.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("outbox.db");
    /// use martello_outbox::{Store, StoreErrorKind};
    ///
    /// let store = martello_sqlite::SqliteStore::open(&path).await?;
    /// store.close().await;
    /// assert_eq!(store.queues().await.unwrap_err().kind(), StoreErrorKind::Unavailable);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>> {
        Box::pin(self.engine.write(move |tx| write::enqueue(tx, &entries)))
    }

    fn key_state<'a>(&'a self, queue: &'a QueueName, key: &'a OrderKey) -> StoreFuture<'a, KeyState> {
        let (queue, key) = (queue.clone(), key.clone());
        Box::pin(self.engine.read(move |reader| read::key_state(reader, &queue, &key)))
    }

    fn overtake<'a>(
        &'a self,
        queue: &'a QueueName,
        key: &'a OrderKey,
        overtaken: Overtaken,
    ) -> StoreFuture<'a, u64> {
        let (queue, key) = (queue.clone(), key.clone());
        Box::pin(self.engine.write(move |tx| write::overtake(tx, &queue, &key, overtaken)))
    }

    fn turn(&self, turn: Turn) -> StoreFuture<'_, Turned> {
        Box::pin(self.engine.write(move |tx| write::turn(tx, &turn)))
    }

    fn heartbeat(&self, leases: Vec<Lease>, lease_duration: Duration) -> StoreFuture<'_, Vec<bool>> {
        Box::pin(self.engine.write(move |tx| write::heartbeat(tx, &leases, lease_duration)))
    }

    fn pause<'a>(&'a self, queue: &'a QueueName, why: &'a str) -> StoreFuture<'a, ()> {
        let (queue, why) = (queue.clone(), why.to_owned());
        Box::pin(self.engine.write(move |tx| write::pause(tx, &queue, &why)))
    }

    fn resume<'a>(&'a self, queue: &'a QueueName) -> StoreFuture<'a, ()> {
        let queue = queue.clone();
        Box::pin(self.engine.write(move |tx| write::resume(tx, &queue)))
    }

    fn queues(&self) -> StoreFuture<'_, Vec<QueueStats>> {
        Box::pin(self.engine.read(read::queues))
    }

    fn entry(&self, id: EntryId) -> StoreFuture<'_, Option<Entry>> {
        Box::pin(self.engine.read(move |reader| read::entry(&reader.connection, id)))
    }

    fn detail(&self, id: EntryId) -> StoreFuture<'_, Option<Detail>> {
        Box::pin(self.engine.read(move |reader| read::detail(&reader.connection, id)))
    }

    fn list(&self, filter: Filter, after: Option<Cursor>, limit: usize) -> StoreFuture<'_, Page> {
        Box::pin(self.engine.read(move |reader| read::list(reader, &filter, after, limit)))
    }

    fn count(&self, filter: Filter) -> StoreFuture<'_, u64> {
        Box::pin(self.engine.read(move |reader| read::count(reader, &filter)))
    }

    fn change(&self, id: EntryId, change: Change) -> StoreFuture<'_, Entry> {
        Box::pin(self.engine.write(move |tx| write::change(tx, id, &change)))
    }

    fn replay(
        &self,
        filter: Filter,
        per_second: f64,
        overtaken: WhenOvertaken,
    ) -> StoreFuture<'_, ReplayJob> {
        Box::pin(self.engine.write(move |tx| write::replay(tx, &filter, per_second, overtaken)))
    }

    fn replays(&self) -> StoreFuture<'_, Vec<ReplayJob>> {
        Box::pin(self.engine.read(|reader| read::replays(&reader.connection)))
    }

    fn cancel_replay(&self, job: JobId) -> StoreFuture<'_, ReplayJob> {
        Box::pin(self.engine.write(move |tx| write::cancel_replay(tx, job)))
    }

    fn purge(&self, purge: Purge) -> StoreFuture<'_, u64> {
        Box::pin(self.engine.write(move |tx| write::purge(tx, &purge)))
    }

    fn prune(&self, age: Duration, limit: usize) -> StoreFuture<'_, u64> {
        Box::pin(self.engine.write(move |tx| write::prune(tx, age, limit)))
    }

    fn watch(&self, what: Watch) -> watch::Receiver<u64> {
        self.engine.watch(what)
    }

    fn check_health(&self) -> StoreFuture<'_, Vec<Check>> {
        Box::pin(self.engine.read(read::check_health))
    }
}
