use std::{fmt, time::Duration};

use martello_outbox::{Clock, ConfigError, StoreError, StoreErrorKind};
use sqlx::{Connection, PgConnection, PgPool, postgres::PgConnectOptions};

use crate::{
    PostgresStore,
    checkout::Source,
    connect_url::ConnectUrl,
    connections::Connections,
    engine::{Engine, Options},
    fault::explain,
    migrate,
    own_pool::{Limits, OwnPool},
    pooler,
    schema::Schema,
};

const MAX_CONNECTIONS: u32 = 1_000;
const PATIENCE: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(10 * 60);
const LASTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(7 * 24 * 60 * 60);
const MAX_BATCH: usize = 10_000;
const MAX_WAITING: usize = 100_000;

/// Collects how a [`PostgresStore`] is to be connected.
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [schema](Self::schema) | `martello` | a name of its own, beside whatever else is in the database |
/// | [create](Self::create) | yes | a first start needs no ceremony |
/// | [connections](Self::max_connections) | 8 | one stores, a few work, and a long list keeps nobody waiting |
/// | [patience](Self::patience) | 30 s | longer than a failover takes to be noticed, shorter than a lease |
/// | [lifetime](Self::max_lifetime) | 30 min | soon enough after a failover or a change of roles, seldom enough to cost nothing |
/// | [idle timeout](Self::idle_timeout) | 10 min | shorter than most NATs and firewalls remember a connection |
/// | [batch](Self::max_batch) | 256 | beyond that, a statement more is no longer what costs |
/// | [waiting](Self::max_waiting) | 1,024 | four batcher |
///
/// Where to is asked for: a [url](Self::url) or a [pool](Self::pool).
#[derive(Clone)]
#[must_use = "a builder does nothing until it is connected"]
pub struct PostgresStoreBuilder {
    to: To,
    schema: Option<String>,
    create: bool,
    clock: Clock,
    max_connections: u32,
    patience: Duration,
    limits: Limits,
    max_batch: usize,
    max_waiting: usize,
}

/// The schema of a store that names none.
const SCHEMA: &str = "martello";

#[derive(Clone)]
enum To {
    Nowhere,
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
            to: To::Nowhere,
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

    /// The server and the database, as `postgres://user:password@host:5432/database`. `schema`, `sslmode`,
    /// `application_name` and what else sqlx's `PgConnectOptions` knows may follow as a query; what is not said comes
    /// from `PGHOST` and its like.
    ///
    /// The first connection finds out whether PgBouncer or its like gives each transaction any session: then
    /// statements are not kept there, and nothing is listened for. `statement-cache-capacity` says whether they are
    /// kept: 0 if not, and more if `max_prepared_statements` of PgBouncer is as much.
    ///
    /// The store makes its own connections, of which it checks none before it is used but those that were idle for a
    /// second.
    pub fn url(mut self, url: &str) -> Self {
        self.to = To::Url(url.to_owned());
        self
    }

    /// A pool that the store takes its connections from, and gives them back to after each operation. One more,
    /// outside of the pool and with its options, listens for changes once somebody watches. A pool checks its
    /// connections at each use, and so this is slower than a [url](Self::url). Where layers of your subscriber have
    /// filters of their own, switch the pool's `log_statements` off: sqlx asks whether its lines are wanted, and such
    /// a layer then loses the next line. Where it leads to PgBouncer, set its `extra_float_digits` to `None`.
    pub fn pool(mut self, pool: PgPool) -> Self {
        self.to = To::Pool(pool);
        self
    }

    /// The schema that the tables are in: 1 to 48 lower-case letters, digits and underscores, with no digit and no
    /// `pg_` in front. Stores on different schemas have nothing to do with each other. The URL may name it instead,
    /// as `?schema=orders`.
    pub fn schema(mut self, name: &str) -> Self {
        self.schema = Some(name.to_owned());
        self
    }

    /// Whether the schema and its tables are made if there are none.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whose time the store goes by: the server's, unless a test moves one by hand.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How many connections it uses at once, from 2 to 1,000, beside the one that listens; more operations wait for one.
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long an operation may take, from 10 ms to 10 min, the wait for a connection included, before it fails with
    /// [`StoreErrorKind::Unavailable`].
    pub fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How long a connection lasts, from 1 s to 7 days, up to a tenth less so that not all end at once. Then another
    /// is made when it is needed: what the server, the role or the database was set to meanwhile counts from then on
    /// at the latest. The connections of a pool last as long as the pool says.
    pub fn max_lifetime(mut self, time: Duration) -> Self {
        self.limits.lifetime = time;
        self
    }

    /// How long a connection lasts that nothing uses, from 1 s to 7 days.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.limits.idle = time;
        self
    }

    /// After how many entries a statement that stores them takes no more along, from 1 to 10,000. Nobody ever waits for
    /// others to come: those that came while the last statement was under way are taken together.
    pub fn max_batch(mut self, entries: usize) -> Self {
        self.max_batch = entries;
        self
    }

    /// How many operations wait to be stored together, from 1 to 100,000; the futures of more wait for room.
    pub fn max_waiting(mut self, operations: usize) -> Self {
        self.max_waiting = operations;
        self
    }

    /// Connects: makes the schema if there is none, and brings it up to date. Many may do so at once.
    ///
    /// # Errors
    ///
    /// With the database as it was:
    ///
    /// - [`StoreErrorKind::Invalid`]: a value is out of its range, the URL is none, or it names another schema than
    ///   [`schema`](Self::schema).
    /// - [`StoreErrorKind::Unusable`]: the server refused the role, its password or the database, has a certificate
    ///   that is not trusted, is older than PostgreSQL 14, or its database is not in UTF-8; there is no schema and
    ///   none may be made; the schema has tables of another program, or of a newer version of this one; or PgBouncer
    ///   does not hand on what the URL asks for.
    /// - [`StoreErrorKind::ReadOnly`]: the server is a standby, or the role may not make the schema or use it.
    /// - [`StoreErrorKind::Unavailable`]: the server cannot be reached, or has no connection to give.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        self.check().map_err(|error| invalid(&error))?;
        let (source, shared, prepared, listen, schema) = match self.to {
            To::Nowhere => {
                let message = "a store must be told where to connect: give it a url or a pool";
                return Err(StoreError::new(StoreErrorKind::Invalid, message));
            }
            To::Url(url) => {
                let ConnectUrl { options, schema, prepared } = ConnectUrl::parse(&url)?;
                let schema = named(schema, self.schema)?;
                let mut one = connect(&options, self.patience).await?;
                migrate::prepare(&mut one, &schema, self.create, self.patience).await?;
                let mut other = connect(&options, self.patience).await?;
                let shared = shares_sessions(&mut one, &mut other, self.patience).await?;
                let own = OwnPool::new(options.clone(), self.limits, self.patience);
                own.release(own.adopt(one));
                drop(other.close().await);
                (Source::Own(own), shared, prepared, options, schema)
            }
            To::Pool(pool) => {
                let schema = named(None, self.schema)?;
                let acquiring = async { pool.acquire().await.map_err(explain) };
                let mut one = migrate::within(self.patience, acquiring).await?;
                migrate::prepare(&mut one, &schema, self.create, self.patience).await?;
                let options = pool.connect_options().as_ref().clone();
                let mut other = connect(&options, self.patience).await?;
                let shared = shares_sessions(&mut one, &mut other, self.patience).await?;
                drop(other.close().await);
                drop(one);
                (Source::Pool(pool), shared, None, options, schema)
            }
        };
        let prepared = prepared.unwrap_or(!shared);
        let connections = Connections::new(source, prepared, self.max_connections, self.patience);
        let options = Options {
            schema,
            clock: self.clock,
            most: self.max_batch,
            waiting: self.max_waiting,
            lifetime: self.limits.lifetime,
        };
        // Whoever gets the session next would hear of what was listened for.
        let listen = (!shared).then_some(listen);
        Ok(PostgresStore::new(Engine::start(connections, listen, options)))
    }

    fn check(&self) -> Result<(), ConfigError> {
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

fn invalid(error: &ConfigError) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, error.to_string())
}

/// The schema that the URL names, or the builder.
fn named(by_url: Option<String>, by_builder: Option<String>) -> Result<Schema, StoreError> {
    if let (Some(one), Some(other)) = (&by_url, &by_builder)
        && one != other
    {
        let message = format!("the url names the schema {one:?}, and the builder {other:?}: name one");
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Schema::new(by_url.or(by_builder).as_deref().unwrap_or(SCHEMA)).map_err(|error| invalid(&error))
}

async fn connect(options: &PgConnectOptions, patience: Duration) -> Result<PgConnection, StoreError> {
    migrate::within(patience, async { PgConnection::connect_with(options).await.map_err(explain) }).await
}

async fn shares_sessions(
    one: &mut PgConnection,
    other: &mut PgConnection,
    patience: Duration,
) -> Result<bool, StoreError> {
    migrate::within(patience, async { pooler::shares_sessions(one, other).await.map_err(explain) }).await
}

impl fmt::Debug for PostgresStoreBuilder {
    /// Without the URL, which may bear a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder").field("schema", &self.schema).finish_non_exhaustive()
    }
}
