//! A file that was moved or deleted while it is open accepts no writes: they would be lost.
#![cfg(unix)]

use std::fs;

use martello_outbox::{Filter, Store, StoreError, StoreErrorKind};
use martello_sqlite::SqliteStore;

use crate::support::{entry, temp_store_path};

fn is_gone(error: &StoreError) -> bool {
    let what = "was moved or replaced since it was opened: put it back, or close the store and open it again";
    error.kind() == StoreErrorKind::Unavailable && error.to_string().ends_with(what)
}

#[tokio::test]
async fn a_moved_file_accepts_no_writes_until_it_is_put_back() {
    let (directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    let elsewhere = directory.path().join("elsewhere.db");
    fs::rename(&path, &elsewhere).unwrap();
    assert!(is_gone(&store.enqueue(vec![entry()]).await.unwrap_err()));
    fs::rename(&elsewhere, &path).unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    assert_eq!(store.count(Filter::default()).await.unwrap(), 2);
}

#[tokio::test]
async fn a_replaced_file_accepts_no_writes() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    for file in ["db", "db-wal", "db-shm"] {
        fs::remove_file(path.with_extension(file)).unwrap();
    }
    assert!(is_gone(&store.enqueue(vec![entry()]).await.unwrap_err()));
    let other = SqliteStore::open(&path).await.unwrap();
    other.enqueue(vec![entry()]).await.unwrap();
    assert!(is_gone(&store.enqueue(vec![entry()]).await.unwrap_err()));
    store.close().await;
    assert!(path.with_extension("db-wal").exists(), "the log is the other's");
    assert_eq!(other.count(Filter::default()).await.unwrap(), 1);
}
