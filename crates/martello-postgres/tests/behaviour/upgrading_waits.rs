//! A migration waits for open transactions.

use std::time::Duration;

use martello_outbox::{State, Store, StoreErrorKind};
use tokio::task::JoinSet;

use crate::{
    older::Older,
    support::{TestSchema, claimed, entry, keyed},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_long_transaction_delays_only_the_migration_and_keeps_its_entry() {
    let test = TestSchema::fresh();
    let mut older = Older::make(&test, 2).await;
    let mut external = Older::connect(&test).await;
    external.run("BEGIN").await.unwrap();
    let new = keyed("external");
    external.try_enqueue(&new, Some("channel")).await.unwrap();
    let builder = test.builder();
    let mut migrating = JoinSet::new();
    migrating.spawn(async move { builder.connect().await });
    // Other operations do not wait for the end of the external transaction.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let new = [entry()];
        tokio::time::timeout(Duration::from_millis(2_500), older.enqueue(&new)).await.unwrap();
    }
    assert!(migrating.try_join_next().is_none());
    external.run("COMMIT").await.unwrap();
    let store = migrating.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(claimed(&store, 5).await.len(), 4);
    assert_eq!(store.entry(new.id).await.unwrap().unwrap().state, State::Leased);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_transaction_that_does_not_end_fails_the_migration_with_a_clear_error() {
    let test = TestSchema::fresh();
    let mut older = Older::make(&test, 2).await;
    older.run("BEGIN; SELECT count(*) FROM __.entry").await.unwrap();
    let error = test.builder().patience(Duration::from_secs(1)).connect().await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(error.to_string().contains("other transactions use its tables"), "{error}");
    older.run("COMMIT").await.unwrap();
    older.enqueue(&[entry()]).await;
    assert_eq!(claimed(&test.open().await, 5).await.len(), 1, "the failed migration changes nothing");
    test.drop().await;
}
