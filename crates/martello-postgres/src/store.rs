use std::{fmt, sync::Arc, time::Duration};

use martello_outbox::{
    Change, Cursor, Detail, Enqueued, Entry, EntryId, Filter, Finding, JobId, KeyState, Lease, NewEntry,
    OrderKey, Overtaken, Page, Purge, QueueName, QueueStats, ReplayJob, Store, StoreError, StoreFuture, Turn,
    Turned, Watch, WhenOvertaken,
};
use sqlx::PgConnection;
use tokio::sync::watch;

use crate::{engine::Engine, read, write};

/// An outbox in a schema of a PostgreSQL database.
///
/// A clone is the same store, with the same connections. When the last is dropped, they are closed without anybody
/// waiting for it; [`PostgresStore::close`] waits. Another store on the same schema, in this process or on another
/// machine, together with this one behaves like one.
///
/// It needs a tokio runtime, and lives no longer than the one that it was connected in. An operation whose future is
/// dropped may or may not take place, but whole.
///
/// ```no_run
/// # async fn connect() -> Result<(), martello_outbox::StoreError> {
/// use martello_outbox::{Filter, State, Store};
/// use martello_postgres::PostgresStore;
///
/// let store = PostgresStore::connect("postgres://orders@db.internal/orders").await?;
/// println!("{} dead letters", store.count(Filter::state(State::Dead)).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    engine: Arc<Engine>,
}

impl PostgresStore {
    /// Connects to this server with the [defaults](crate::PostgresStoreBuilder#defaults), and makes the schema if there is none.
    ///
    /// # Errors
    ///
    /// Those of [`PostgresStoreBuilder::connect`](crate::PostgresStoreBuilder::connect).
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        Self::builder().url(url).connect().await
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(engine) }
    }

    #[cfg(feature = "poll")]
    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine)
    }

    /// The name of its schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.engine.shared.schema.as_str()
    }

    /// Stores an entry in a transaction of the caller's, on the database that the schema is in: it is stored when that is
    /// committed, and never was if it is rolled back. Workers are told at the commit.
    ///
    /// What else is done in the transaction waits for nobody, however long it lasts; but another entry with the same
    /// `dedup_key` is not stored before it has ended: one that [`Store::enqueue`] is to store waits up to 2 s, and then fails
    /// with [`StoreErrorKind::Unavailable`](martello_outbox::StoreErrorKind::Unavailable). Of one [key](NewEntry::order_key), entries are in the order in which
    /// they were committed. With [`WhenPending::Supersede`](martello_outbox::WhenPending), what is ready is called off at the
    /// next turn of the queue, before it claims anything.
    ///
    /// The transaction stays as it is set: with `synchronous_commit` off, a crash of the server may lose it, and the
    /// entry with the rest. The session keeps nothing, and so it may come from PgBouncer.
    ///
    /// # Errors
    ///
    /// - [`StoreErrorKind::Invalid`](martello_outbox::StoreErrorKind::Invalid): it does not pass [`NewEntry::check`].
    /// - All others of [`Store::enqueue`]. After those PostgreSQL accepts nothing more in the transaction: roll it back. In one
    ///   that is `SERIALIZABLE` or `REPEATABLE READ`, a duplicate that came meanwhile is such an error, too.
    pub async fn enqueue_in(
        &self,
        transaction: &mut PgConnection,
        entry: NewEntry,
    ) -> Result<Enqueued, StoreError> {
        write::enqueue_in(&self.engine.shared, transaction, &entry).await
    }

    /// Drops the schema with all that is in it. This store, and all others on it, are of no use afterwards.
    ///
    /// # Errors
    ///
    /// Those of the server: the role must own the schema.
    pub async fn drop_schema(&self) -> Result<(), StoreError> {
        let drop = self.engine.shared.statement("DROP SCHEMA IF EXISTS __ CASCADE").repeatable();
        self.engine.shared.connections.rows(&drop).await?;
        self.close().await;
        Ok(())
    }

    /// Closes the store for all clones: waits for what is under way, and until its connections are closed; a pool that was
    /// handed in stays open. What is asked for later fails with
    /// [`StoreErrorKind::Unavailable`](martello_outbox::StoreErrorKind::Unavailable).
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>> {
        Box::pin(self.engine.batcher.enqueue(&self.engine.shared, entries))
    }

    fn key_state<'a>(&'a self, queue: &'a QueueName, key: &'a OrderKey) -> StoreFuture<'a, KeyState> {
        Box::pin(read::key_state(&self.engine.shared, queue, key))
    }

    fn overtake<'a>(
        &'a self,
        queue: &'a QueueName,
        key: &'a OrderKey,
        overtaken: Overtaken,
    ) -> StoreFuture<'a, u64> {
        Box::pin(write::overtake(&self.engine.shared, queue, key, overtaken))
    }

    fn turn(&self, turn: Turn) -> StoreFuture<'_, Turned> {
        Box::pin(async move { write::turn(&self.engine.shared, &turn).await })
    }

    fn heartbeat(&self, leases: Vec<Lease>, lease: Duration) -> StoreFuture<'_, Vec<bool>> {
        Box::pin(async move { write::heartbeat(&self.engine.shared, &leases, lease).await })
    }

    fn pause<'a>(&'a self, queue: &'a QueueName, why: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(write::pause(&self.engine.shared, queue, why))
    }

    fn resume<'a>(&'a self, queue: &'a QueueName) -> StoreFuture<'a, ()> {
        Box::pin(write::resume(&self.engine.shared, queue))
    }

    fn queues(&self) -> StoreFuture<'_, Vec<QueueStats>> {
        Box::pin(read::queues(&self.engine.shared))
    }

    fn entry(&self, id: EntryId) -> StoreFuture<'_, Option<Entry>> {
        Box::pin(read::entry(&self.engine.shared, id))
    }

    fn detail(&self, id: EntryId) -> StoreFuture<'_, Option<Detail>> {
        Box::pin(read::detail(&self.engine.shared, id))
    }

    fn list(&self, filter: Filter, after: Option<Cursor>, limit: usize) -> StoreFuture<'_, Page> {
        Box::pin(async move { read::list(&self.engine.shared, &filter, after, limit).await })
    }

    fn count(&self, filter: Filter) -> StoreFuture<'_, u64> {
        Box::pin(async move { read::count(&self.engine.shared, &filter).await })
    }

    fn change(&self, id: EntryId, change: Change) -> StoreFuture<'_, Entry> {
        Box::pin(async move { write::change(&self.engine.shared, id, &change).await })
    }

    fn replay(
        &self,
        filter: Filter,
        per_second: f64,
        overtaken: WhenOvertaken,
    ) -> StoreFuture<'_, ReplayJob> {
        Box::pin(async move { write::replay(&self.engine.shared, &filter, per_second, overtaken).await })
    }

    fn replays(&self) -> StoreFuture<'_, Vec<ReplayJob>> {
        Box::pin(read::replays(&self.engine.shared))
    }

    fn cancel_replay(&self, job: JobId) -> StoreFuture<'_, ReplayJob> {
        Box::pin(write::cancel_replay(&self.engine.shared, job))
    }

    fn purge(&self, purge: Purge) -> StoreFuture<'_, u64> {
        Box::pin(async move { write::purge(&self.engine.shared, &purge).await })
    }

    fn prune(&self, age: Duration, limit: usize) -> StoreFuture<'_, u64> {
        Box::pin(write::prune(&self.engine.shared, age, limit))
    }

    fn watch(&self, what: Watch) -> watch::Receiver<u64> {
        self.engine.watch(what)
    }

    fn examine(&self) -> StoreFuture<'_, Vec<Finding>> {
        Box::pin(read::check_health(&self.engine.shared))
    }
}
