//! A store closes with its last clone, or on request. Everything that it acknowledged is in the file.

use martello_outbox::{Filter, State, Store, StoreErrorKind, store::Watch};
use martello_sqlite::SqliteStore;

use crate::support::{entry, temp_store_path};

#[tokio::test]
async fn stored_entries_are_there_after_reopening() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let id = store.enqueue(vec![entry()]).await.unwrap().remove(0).id();
    store.close().await;
    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(again.entry(id).await.unwrap().unwrap().state, State::Ready);
}

#[tokio::test]
async fn close_leaves_one_file_and_later_operations_fail() {
    let (directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    let clone = store.clone();
    store.close().await;
    let names: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["outbox.db"], "the log is in the file");
    for error in [clone.enqueue(vec![entry()]).await.unwrap_err(), clone.queues().await.unwrap_err()] {
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert_eq!(error.to_string(), "the store is closed: open it again");
    }
    clone.close().await;
}

#[tokio::test]
async fn dropping_the_last_clone_closes_the_store_and_its_watch_channels() {
    let (directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let clone = store.clone();
    drop(store);
    clone.enqueue(vec![entry()]).await.unwrap();
    let mut news = clone.watch(Watch::Ready);
    drop(clone);
    while news.changed().await.is_ok() {}
    // The notifier goes with the threads, just before the file is closed.
    while std::fs::read_dir(&directory).unwrap().count() > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_operation_queued_before_the_close_takes_place() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let (stored, ()) = tokio::join!(store.enqueue(vec![entry()]), store.close());
    stored.unwrap();
    let again = SqliteStore::open(&path).await.unwrap();
    assert_eq!(again.count(Filter::state(State::Ready)).await.unwrap(), 1);
}
