use std::time::Duration;

use martello_outbox::{ConfigError, StoreError, StoreErrorKind};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::{
    PostgresStore, PostgresStoreBuilder,
    builder::Address,
    checkout::Source,
    connect_url::ConnectUrl,
    connections::Connections,
    engine::{Engine, Options},
    explain::explain,
    migrate,
    own_pool::OwnPool,
    pooler,
    schema::Schema,
};

/// The default schema.
const SCHEMA: &str = "martello";

impl PostgresStoreBuilder {
    /// Connects, and creates or migrates the schema. Several processes may do so at the same time.
    ///
    /// # Errors
    ///
    /// The database is unchanged after an error:
    ///
    /// - [`StoreErrorKind::Invalid`]: a value is out of range, or the URL is invalid or names another schema
    ///   than [`schema`](Self::schema).
    /// - [`StoreErrorKind::Unusable`]: the server refused the role, its password or the database, has a
    ///   certificate that is not trusted, is older than PostgreSQL 14, or its database is not in UTF-8; the
    ///   schema does not exist and must not be created; it has tables of another program, or of a newer
    ///   version; or PgBouncer refuses a parameter of the URL.
    /// - [`StoreErrorKind::ReadOnly`]: the server is a standby, or the role lacks the privilege to create or
    ///   use the schema.
    /// - [`StoreErrorKind::Unavailable`]: the server cannot be reached, or has no free connection.
    pub async fn connect(self) -> Result<PostgresStore, StoreError> {
        self.check().map_err(|error| invalid(&error))?;
        let (source, shared, prepared, listen, schema) = match self.address {
            Address::Missing => {
                let message = "the store has no address: give the builder a URL or a pool";
                return Err(StoreError::new(StoreErrorKind::Invalid, message));
            }
            Address::Url(url) => {
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
            Address::Pool(pool) => {
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
        // A pooled session would deliver the notifications to other clients.
        let listen = (!shared).then_some(listen);
        Ok(PostgresStore::new(Engine::start(connections, listen, options)))
    }
}

fn invalid(error: &ConfigError) -> StoreError {
    StoreError::new(StoreErrorKind::Invalid, error.to_string())
}

/// The schema that the URL or the builder names.
fn named(by_url: Option<String>, by_builder: Option<String>) -> Result<Schema, StoreError> {
    if let (Some(one), Some(other)) = (&by_url, &by_builder)
        && one != other
    {
        let message =
            format!("the URL names the schema {one:?}, but the builder {other:?}: name one of them");
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
