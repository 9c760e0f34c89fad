//! The lifetime and the idle timeout of connections.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use martello_outbox::{Filter, Store};
use martello_postgres::PostgresStore;

use crate::support::TestSchema;

/// A store with an `application_name` of its own.
struct Named {
    test: TestSchema,
    name: String,
    url: String,
}

impl Named {
    fn make() -> Self {
        let test = TestSchema::fresh();
        let name = format!("{}_ages", test.schema);
        let mut url = url::Url::parse(&test.url).unwrap();
        url.query_pairs_mut().append_pair("application_name", &name).append_pair("schema", &test.schema);
        Self { url: url.into(), test, name }
    }

    async fn backends(&self) -> HashSet<i32> {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = $1";
        let pids =
            sqlx::query_scalar(sql).bind(&self.name).fetch_all(&mut self.test.connection().await).await;
        pids.unwrap().into_iter().collect()
    }
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_old_connection_in_use_is_replaced() {
    let named = Named::make();
    let store = PostgresStore::builder()
        .url(&named.url)
        .max_lifetime(Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    store.count(Filter::default()).await.unwrap();
    let before = named.backends().await;
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.count(Filter::default()).await.unwrap();
    }
    let after = named.backends().await;
    assert!(!after.is_empty() && after.is_disjoint(&before), "{before:?} {after:?}");
    named.test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn idle_connections_are_closed() {
    let named = Named::make();
    let store = PostgresStore::builder()
        .url(&named.url)
        .idle_timeout(Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    for counted in join_all((0..8).map(|_| store.count(Filter::default()))).await {
        counted.unwrap();
    }
    assert!(named.backends().await.len() > 4);
    let gone = async {
        while !named.backends().await.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
    // The idle connections close although one is always in use.
    for counted in join_all((0..8).map(|_| store.count(Filter::default()))).await {
        counted.unwrap();
    }
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.count(Filter::default()).await.unwrap();
    }
    assert_eq!(named.backends().await.len(), 1);
    named.test.drop().await;
}
