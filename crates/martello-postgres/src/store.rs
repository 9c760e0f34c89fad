use std::{fmt, sync::Arc, time::Duration};

use martello_outbox::{
    Change, Check, Cursor, Detail, Enqueued, Entry, EntryId, Filter, JobId, NewEntry, OrderKey, Overtaken,
    Page, Purge, QueueName, QueueStats, ReplayJob, Store, StoreError, WhenOvertaken,
    store::{KeyState, Lease, StoreFuture, Turn, Turned, Watch},
};
use sqlx::PgConnection;
use tokio::sync::watch;

use crate::{engine::Engine, read, write};

/// An outbox in a schema of a PostgreSQL database.
///
/// A clone shares the connections. Dropping the last clone closes them without waiting;
/// [`PostgresStore::close`] waits. Several stores on the same schema, in this process or on other machines,
/// behave like one store.
///
/// The store needs a tokio runtime, and works as long as the runtime in which it was connected. When the
/// future of an operation is dropped, the operation takes effect as a whole or not at all.
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
    /// Connects to this server with the [defaults](crate::PostgresStoreBuilder#defaults), and creates the
    /// schema if it does not exist.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), martello_outbox::StoreError> {
    /// let url = "postgres://orders@db.internal/orders?schema=outbox";
    /// let store = martello_postgres::PostgresStore::connect(url).await?;
    /// assert_eq!(store.schema(), "outbox");
    /// # Ok(())
    /// # }
    /// ```
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

    /// The name of the schema.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.engine.shared.schema.as_str()
    }

    /// Enqueues an entry inside your own transaction, on the database of the schema. The commit stores the
    /// entry and notifies workers; a rollback discards it.
    ///
    /// The transaction blocks no other, however long it lasts, with one exception: another entry with the
    /// same `dedup_key` waits for its end. [`Store::enqueue`] then waits up to 2 s, and fails with
    /// [`StoreErrorKind::Unavailable`](martello_outbox::StoreErrorKind::Unavailable). Entries of one
    /// [key](NewEntry::order_key) are in the order of their commits. With
    /// [`WhenPending::Supersede`](martello_outbox::WhenPending), the next turn of the queue cancels the older
    /// ready entries before it claims any.
    ///
    /// The settings of the transaction do not change: with `synchronous_commit` off, a crash of the server
    /// may lose the transaction and the entry. Nothing stays in the session, so the connection may come from
    /// PgBouncer.
    ///
    /// ```no_run
    /// # use martello_outbox::NewEntry;
    /// # use martello_postgres::PostgresStore;
    /// # async fn save(store: PostgresStore, pool: sqlx::PgPool, entry: NewEntry) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin().await?;
    /// sqlx::query("UPDATE plan SET stops = 3 WHERE id = 7").execute(&mut *transaction).await?;
    /// store.enqueue_in(&mut transaction, entry).await?;
    /// transaction.commit().await?; // both, or neither
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`StoreErrorKind::Invalid`](martello_outbox::StoreErrorKind::Invalid): [`NewEntry::check`] refuses
    ///   the entry.
    /// - Those of [`Store::enqueue`]. After them PostgreSQL accepts no statement in the transaction: roll it
    ///   back. In a `SERIALIZABLE` or `REPEATABLE READ` transaction, a duplicate that was committed meanwhile
    ///   is such an error too.
    pub async fn enqueue_in(
        &self,
        transaction: &mut PgConnection,
        entry: NewEntry,
    ) -> Result<Enqueued, StoreError> {
        write::enqueue_in(&self.engine.shared, transaction, &entry).await
    }

    /// Drops the schema with everything in it, and closes the store. Other stores on the schema fail from
    /// then on.
    ///
    /// ```no_run
    /// # async fn test() -> Result<(), martello_outbox::StoreError> {
    /// let builder = martello_postgres::PostgresStore::builder().url("postgres://localhost/test");
    /// let store = builder.schema("test_7").connect().await?;
    /// // …
    /// store.drop_schema().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the server refuses: the role must own the schema.
    pub async fn drop_schema(&self) -> Result<(), StoreError> {
        let drop = self.engine.shared.statement("DROP SCHEMA IF EXISTS __ CASCADE").repeatable();
        self.engine.shared.connections.rows(&drop).await?;
        self.close().await;
        Ok(())
    }

    /// Closes the store and all its clones. It waits for the operations that run, and closes the store's own
    /// connections; a caller's pool stays open. Later operations fail with
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

    fn heartbeat(&self, leases: Vec<Lease>, lease_duration: Duration) -> StoreFuture<'_, Vec<bool>> {
        Box::pin(async move { write::heartbeat(&self.engine.shared, &leases, lease_duration).await })
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

    fn check_health(&self) -> StoreFuture<'_, Vec<Check>> {
        Box::pin(read::check_health(&self.engine.shared))
    }
}
