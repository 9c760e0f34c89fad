//! What comes at once is committed together: one write to the disk for many.

use std::path::Path;

use futures_util::future::join_all;
use martello_outbox::{Filter, Store, StoreErrorKind};
use martello_sqlite::SqliteStore;

use crate::support::{entry, place};

/// How many transactions the log holds: each ends with a frame that says how large the file then is
/// (<https://sqlite.org/walformat.html>).
fn commits(path: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME: usize = 24;
    let log = std::fs::read(path.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let (page, salt) = (usize::try_from(number(8)).unwrap(), &log[16..24]);
    let frames = (HEADER..log.len()).step_by(FRAME + page);
    // Frames of an earlier round of the log bear another salt.
    frames.filter(|at| number(at + 4) != 0 && &log[at + 8..at + 16] == salt).count()
}

#[tokio::test]
async fn many_at_once_are_committed_together() {
    let (_directory, path) = place();
    let store = SqliteStore::open(&path).await.unwrap();
    let before = commits(&path);
    for stored in join_all((0..64).map(|_| store.enqueue(vec![entry()]))).await {
        stored.unwrap();
    }
    let made = commits(&path) - before;
    assert!((1..32).contains(&made), "{made} transactions for 64 operations");
    assert_eq!(store.count(Filter::default()).await.unwrap(), 64);
}

#[tokio::test]
async fn one_that_fails_takes_nothing_with_it() {
    let (_directory, path) = place();
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
