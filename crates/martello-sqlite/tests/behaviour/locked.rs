//! A store waits for a file that another program has locked, but only up to the busy timeout.

use std::time::Duration;

use futures_util::future::join_all;
use martello_outbox::{Store, StoreErrorKind};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{claim, entry, store_at, temp_store_path};

const HELD: &str =
    "another process locked the store's file for too long: try again, or check which process has it open";

#[tokio::test]
async fn a_lock_of_another_writer_is_waited_for_up_to_the_busy_timeout() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).busy_timeout(Duration::from_millis(200)).open().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = tokio::time::Instant::now();
    let errors = tokio::join!(store.enqueue(vec![entry()]), store.turn(claim(1)));
    for error in [errors.0.unwrap_err(), errors.1.unwrap_err()] {
        assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unavailable, HELD));
    }
    assert!(started.elapsed() >= Duration::from_millis(200));
    assert_eq!(store.queues().await.unwrap()[0].ready, 1, "it reads all the same");
    holder.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.turn(claim(5)).await.unwrap().claimed.len(), 1);
}

#[tokio::test]
async fn operations_that_wait_together_wait_once() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).busy_timeout(Duration::from_millis(200)).open().await.unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let started = tokio::time::Instant::now();
    for stored in join_all((0..100).map(|_| store.enqueue(vec![entry()]))).await {
        assert_eq!(stored.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(5), "a hundred waited {waited:?}");
}

#[tokio::test]
async fn an_exclusive_lock_is_waited_for_up_to_the_busy_timeout() {
    let (_directory, path) = temp_store_path();
    store_at(&path).await;
    let other = Connection::open(&path).unwrap();
    let alone = "PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE; DELETE FROM queue WHERE 0; COMMIT";
    other.execute_batch(alone).unwrap();
    let open = || SqliteStore::builder(&path).busy_timeout(Duration::from_millis(50)).open();
    let error = open().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unavailable, HELD));
    drop(other);
    open().await.unwrap();
}
