//! Concurrent operations share a commit: one write to the disk.

use std::path::Path;

use futures_util::{FutureExt, future::join_all};
use martello_outbox::{Filter, Store, StoreErrorKind};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{entry, temp_store_path};

/// Counts the transactions in the log: the last frame of each holds the size of the file after it
/// (<https://sqlite.org/walformat.html>).
fn commits(path: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24;
    let log = std::fs::read(path.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (usize::try_from(number(8)).unwrap(), &log[16..24]);
    let frames = (HEADER..log.len()).step_by(FRAME + page);
    // Frames from before the last restart of the log have another salt.
    frames.filter(|at| number(at + 4) != 0 && &log[at + 8..at + 16] == salt).count()
}

#[tokio::test]
async fn operations_that_arrive_during_a_commit_share_the_next() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let before = commits(&path);
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let stored = join_all((0..100).map(|_| store.enqueue(vec![entry()])));
    // All operations are queued before the lock is released: some join the first transaction, the rest the
    // next.
    let (stored, released) = tokio::join!(stored, async { holder.execute_batch("ROLLBACK") });
    released.unwrap();
    assert!(stored.iter().all(Result::is_ok));
    let commits = commits(&path) - before;
    assert!((1..=2).contains(&commits), "{commits} commits");
    assert_eq!(store.count(Filter::default()).await.unwrap(), 100);
}

#[tokio::test]
async fn a_failing_operation_does_not_affect_others_of_its_batch() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let wrong = || {
        let mut wrong = entry();
        wrong.max_attempts = 0;
        wrong
    };
    let stored = join_all((0..64).map(|n| {
        let entry = if n % 2 == 0 { entry() } else { wrong() };
        store.enqueue(vec![entry])
    }));
    for (n, stored) in stored.await.into_iter().enumerate() {
        assert_eq!(
            stored.map_err(|error| error.kind()).err(),
            (n % 2 == 1).then_some(StoreErrorKind::Invalid)
        );
    }
    assert_eq!(store.count(Filter::default()).await.unwrap(), 32);
}

#[tokio::test]
async fn each_operation_alone_is_one_commit() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let before = commits(&path);
    for _ in 0..3 {
        store.enqueue(vec![entry(), entry()]).await.unwrap();
    }
    assert_eq!(commits(&path) - before, 3);
}

#[tokio::test]
async fn a_batch_is_limited() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).max_batch(1).open().await.unwrap();
    let before = commits(&path);
    assert!(join_all((0..20).map(|_| store.enqueue(vec![entry()]))).await.iter().all(Result::is_ok));
    assert_eq!(commits(&path) - before, 20);
}

#[tokio::test]
async fn operations_beyond_max_waiting_wait_in_their_futures() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).max_waiting(1).open().await.unwrap();
    assert!(join_all((0..50).map(|_| store.enqueue(vec![entry()]))).await.iter().all(Result::is_ok));
    assert!(join_all((0..50).map(|_| store.count(Filter::default()))).await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn an_operation_dropped_while_it_waits_does_not_take_place() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).max_batch(1).open().await.unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let release = async {
        // It waits behind the first operation, which waits for the other program's lock.
        assert!(store.enqueue(vec![entry()]).now_or_never().is_none());
        holder.execute_batch("ROLLBACK").unwrap();
    };
    let (first, ()) = tokio::join!(store.enqueue(vec![entry()]), release);
    first.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    assert_eq!(store.count(Filter::default()).await.unwrap(), 2);
}
