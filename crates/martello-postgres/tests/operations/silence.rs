//! A NAT or a load balancer drops the state of connections, and no data arrives over them any more.

use std::time::Duration;

use futures_util::future::join_all;
use martello_outbox::{Filter, Store, StoreErrorKind, store::Watch};
use martello_postgres::PostgresStore;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    proxy::Proxy,
    support::{TestSchema, entry},
};

async fn behind(proxy: &Proxy, test: &TestSchema, patience: Duration) -> PostgresStore {
    let store = PostgresStore::builder().url(&proxy.url(&test.url)).schema(&test.schema).patience(patience);
    let store = store.connect().await.unwrap();
    for counted in join_all((0..8).map(|_| store.count(Filter::default()))).await {
        counted.unwrap();
    }
    store
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn idle_silent_connections_delay_one_operation_by_a_second() {
    let test = TestSchema::fresh();
    let proxy = Proxy::to(&test.url).await;
    let store = behind(&proxy, &test, Duration::from_secs(20)).await;
    sleep(Duration::from_millis(1_100)).await;
    proxy.silence();
    let began = Instant::now();
    store.enqueue(vec![entry()]).await.unwrap();
    let first = began.elapsed();
    assert!(first < Duration::from_secs(3), "{first:?}");
    // Each of these operations would take another silent connection from the pool.
    for counted in join_all((0..8).map(|_| store.count(Filter::default()))).await {
        counted.unwrap();
    }
    let then = began.elapsed() - first;
    assert!(then < Duration::from_millis(900), "{then:?}");
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_connection_that_goes_silent_in_use_fails_only_one_operation() {
    let test = TestSchema::fresh();
    let proxy = Proxy::to(&test.url).await;
    let store = behind(&proxy, &test, Duration::from_millis(900)).await;
    proxy.silence();
    let error = store.enqueue(vec![entry()]).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    for _ in 0..8 {
        store.enqueue(vec![entry()]).await.unwrap();
    }
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn subscribers_are_notified_while_the_listening_connection_is_silent() {
    let test = TestSchema::fresh();
    let proxy = Proxy::to(&test.url).await;
    let store = behind(&proxy, &test, Duration::from_secs(20)).await;
    let other = test.open().await;
    let mut watch = store.watch(Watch::Ready);
    timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
    proxy.silence();
    sleep(Duration::from_millis(2_500)).await;
    watch.mark_unchanged();
    other.enqueue(vec![entry()]).await.unwrap();
    timeout(Duration::from_secs(10), watch.changed()).await.unwrap().unwrap();
    // The store also receives notifications again, and not only the general wake-up after an error.
    sleep(Duration::from_millis(2_500)).await;
    watch.mark_unchanged();
    assert!(timeout(Duration::from_millis(2_500), watch.changed()).await.is_err());
    other.enqueue(vec![entry()]).await.unwrap();
    timeout(Duration::from_secs(3), watch.changed()).await.unwrap().unwrap();
    test.drop().await;
}
