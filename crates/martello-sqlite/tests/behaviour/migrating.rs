//! A migration is applied completely or not at all.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use martello_outbox::{
    Filter, Store, StoreErrorKind,
    store::{Clock, ManualClock},
};
use martello_poll::{Acquired, CheckpointStore};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{as_version, claim, entry, keyed, temp_store_path};

#[tokio::test]
async fn a_failed_migration_leaves_the_version_before_it() {
    let (_directory, path) = temp_store_path();
    let connection = Connection::open(&path).unwrap();
    // The file has our application id and is empty, except for a table that makes the last statement of the
    // first migration fail.
    connection.execute_batch("PRAGMA application_id = 0x4d746c6f; CREATE TABLE replay (in_the_way)").unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Internal, "{error}");
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("PRAGMA user_version"), 0);
    assert_eq!(number("SELECT count(*) FROM sqlite_schema"), 1, "what was there before");
    connection.execute_batch("DROP TABLE replay").unwrap();
    SqliteStore::open(&path).await.unwrap().enqueue(vec![entry()]).await.unwrap();
}

#[tokio::test]
async fn a_file_of_version_1_is_brought_forward_and_loses_nothing() {
    let (directory, path) = temp_store_path();
    let clock = Clock::Manual(ManualClock::new(Timestamp::now()));
    let open = async |path: &Path| SqliteStore::builder(path).clock(clock.clone()).open().await.unwrap();
    let store = open(&path).await;
    store.enqueue(vec![entry(), keyed("a"), keyed("a"), entry()]).await.unwrap();
    store.turn(claim(2)).await.unwrap();
    let list = async |store: &SqliteStore| store.list(Filter::default(), None, 10).await.unwrap().entries;
    let before = (list(&store).await, store.queues().await.unwrap());
    store.close().await;
    let old = directory.path().join("old.db");
    as_version(1, &path, &old);

    let store = open(&old).await;
    assert_eq!((list(&store).await, store.queues().await.unwrap()), before);
    for entry in &before.0 {
        assert!(store.detail(entry.id).await.unwrap().is_some());
    }
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
    let acquired = store.checkpoint("plannings").unwrap().acquire(Duration::from_secs(60)).await.unwrap();
    assert!(matches!(acquired, Acquired::Held(_)));
    store.enqueue(vec![entry()]).await.unwrap();
}
