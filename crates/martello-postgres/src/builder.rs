use std::{fmt, time::Duration};

use martello_outbox::{ConfigError, store::Clock};
use sqlx::PgPool;

use crate::{PostgresStore, own_pool::Limits};

const MAX_CONNECTIONS: u32 = 1_000;
const PATIENCE: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10 * 60);
const LASTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60);
const MAX_BATCH: usize = 10_000;
const MAX_WAITING: usize = 100_000;

/// Configures and connects a [`PostgresStore`].
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [schema](Self::schema) | `martello` | a name of its own, beside whatever else is in the database |
/// | [create](Self::create) | yes | the first start needs no setup |
/// | [connections](Self::max_connections) | 8 | a batch, a few workers and a long list run at the same time |
/// | [patience](Self::patience) | 30 s | longer than a failover takes to be noticed, shorter than a lease |
/// | [lifetime](Self::max_lifetime) | 30 min | short enough after a failover or a changed role, long enough to cost nothing |
/// | [idle timeout](Self::idle_timeout) | 10 min | shorter than the idle timeout of most NATs and firewalls |
/// | [batch](Self::max_batch) | 256 | in larger batches, the cost per statement no longer matters |
/// | [waiting](Self::max_waiting) | 1,024 | four batcher |
///
/// A [URL](Self::url) or a [pool](Self::pool) is required.
///
/// ```no_run
/// # use std::time::Duration;
/// # async fn connect() -> Result<(), martello_outbox::StoreError> {
/// let store = martello_postgres::PostgresStore::builder()
///     .url("postgres://orders@db.internal/orders")
///     .schema("outbox")
///     .patience(Duration::from_secs(10))
///     .connect()
///     .await?;
/// assert_eq!(store.schema(), "outbox");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is connected"]
pub struct PostgresStoreBuilder {
    pub(crate) address: Address,
    pub(crate) schema: Option<String>,
    pub(crate) create: bool,
    pub(crate) clock: Clock,
    pub(crate) max_connections: u32,
    pub(crate) patience: Duration,
    pub(crate) limits: Limits,
    pub(crate) max_batch: usize,
    pub(crate) max_waiting: usize,
}

#[derive(Clone)]
pub(crate) enum Address {
    Missing,
    Url(String),
    Pool(PgPool),
}

impl PostgresStore {
    /// Starts with the [defaults](PostgresStoreBuilder#defaults).
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder::new()
    }
}

impl PostgresStoreBuilder {
    fn new() -> Self {
        Self {
            address: Address::Missing,
            schema: None,
            create: true,
            clock: Clock::Engine,
            max_connections: 8,
            patience: Duration::from_secs(30),
            limits: Limits { lifetime: Duration::from_secs(30 * 60), idle: Duration::from_secs(10 * 60) },
            max_batch: 256,
            max_waiting: 1024,
        }
    }

    /// Sets the server and the database, as `postgres://user:password@host:5432/database`. The query may have
    /// `schema`, `sslmode`, `application_name` and the other parameters of sqlx's `PgConnectOptions`. Missing
    /// parts come from `PGHOST` and the other variables of libpq.
    ///
    /// [`connect`](Self::connect) detects a pooler, such as PgBouncer, that gives each transaction any
    /// session. The store then prepares statements without a name, and does not listen for notifications.
    /// `statement-cache-capacity` overrides this: 0 means that sessions keep no statements; set a larger
    /// number if PgBouncer's `max_prepared_statements` allows it.
    ///
    /// The store makes its own connections. It pings a connection before use only if that was idle for a
    /// second.
    pub fn url(mut self, url: &str) -> Self {
        self.address = Address::Url(url.to_owned());
        self
    }

    /// Takes connections from this pool, and returns them after each operation. One more connection, outside
    /// the pool and with its options, listens for notifications while a caller watches. A pool pings its
    /// connections at each use, so this is slower than a [URL](Self::url).
    ///
    /// Switch the pool's `log_statements` off if layers of your tracing subscriber have their own filters:
    /// sqlx asks whether its lines are enabled, and such a layer then loses its next line. Set
    /// `extra_float_digits` to `None` if the pool connects to PgBouncer.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = sqlx::PgPool::connect("postgres://orders@db.internal/orders").await?;
    /// let store = martello_postgres::PostgresStore::builder().pool(pool).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pool(mut self, pool: PgPool) -> Self {
        self.address = Address::Pool(pool);
        self
    }

    /// Sets the schema of the tables: 1 to 48 lower-case letters, digits and underscores, not starting with a
    /// digit or `pg_`. Stores on different schemas are independent. The URL may name the schema instead, as
    /// `?schema=orders`.
    pub fn schema(mut self, name: &str) -> Self {
        self.schema = Some(name.to_owned());
        self
    }

    /// Sets whether [`connect`](Self::connect) creates the schema and its tables if they do not exist.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets the clock: the server's by default, or a manual one in tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how many connections the store uses at the same time, from 2 to 1,000, beside the one that
    /// listens. Further operations wait for a connection.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets how long an operation may take, from 10 ms to 10 min, including the wait for a connection. Then
    /// it fails with [`StoreErrorKind::Unavailable`](martello_outbox::StoreErrorKind::Unavailable).
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// Sets how long a connection lasts, from 1 s to 7 days. Each lasts up to a tenth less, at random, so
    /// that not all end together. New settings of the server, the role or the database apply to new
    /// connections. A [pool](Self::pool) has its own limits.
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        self.limits.lifetime = time;
        self
    }

    /// Sets how long an idle connection lasts, from 1 s to 7 days.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.limits.idle = time;
        self
    }

    /// Sets the size from which a batch takes no further operation, from 1 to 10,000 entries. No call waits
    /// for a batch to fill: the calls that arrive while a statement runs form the next batch.
    pub fn max_batch(mut self, entries: usize) -> Self {
        self.max_batch = entries;
        self
    }

    /// Sets how many operations wait in the queue for the next batch, from 1 to 100,000. Further calls wait
    /// until there is room.
    pub fn max_waiting(mut self, operations: usize) -> Self {
        self.max_waiting = operations;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !(2..=MAX_CONNECTIONS).contains(&self.max_connections) {
            return Err(ConfigError::new("max_connections", self.max_connections, "2 to 1,000"));
        }
        if !PATIENCE.contains(&self.patience) {
            return Err(ConfigError::new("patience", format!("{:?}", self.patience), "10 ms to 10 min"));
        }
        for (what, time) in [("max_lifetime", self.limits.lifetime), ("idle_timeout", self.limits.idle)] {
            if !LASTS.contains(&time) {
                return Err(ConfigError::new(what, format!("{time:?}"), "1 s to 7 days"));
            }
        }
        if !(1..=MAX_BATCH).contains(&self.max_batch) {
            return Err(ConfigError::new("max_batch", self.max_batch, "1 to 10,000"));
        }
        if !(1..=MAX_WAITING).contains(&self.max_waiting) {
            return Err(ConfigError::new("max_waiting", self.max_waiting, "1 to 100,000"));
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    /// Omits the URL, which may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder").field("schema", &self.schema).finish_non_exhaustive()
    }
}
