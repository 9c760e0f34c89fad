//! The store passes the conformance tests of all stores.

use martello_outbox::store::Clock;
use martello_outbox_conformance::{self as conformance, BoxError, Engine};
use martello_postgres::PostgresStore;

use crate::support::{fresh_schema, url};

/// A unique schema.
struct Schema {
    url: String,
    name: String,
}

impl Engine for Schema {
    type Store = PostgresStore;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        Ok(Some(Self { url: url(), name: fresh_schema() }))
    }

    async fn open(&self, clock: Clock) -> Result<PostgresStore, BoxError> {
        let store = PostgresStore::builder().url(&self.url).schema(&self.name).clock(clock);
        Ok(store.max_connections(4).connect().await?)
    }

    async fn remove(self) {
        let store = self.open(Clock::Engine).await.unwrap();
        store.drop_schema().await.unwrap();
    }
}

conformance::tests!(
    #[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
    Schema
);
