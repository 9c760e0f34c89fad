//! A full store reports it, keeps its entries, and works again when there is space.

use martello_outbox::{
    Change, Filter, NewEntry, Purge, State, Store, StoreErrorKind,
    store::{End, HoldChange, Settled, Settlement, Turn},
};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{claim, entry, temp_store_path};

fn large(bytes: usize) -> NewEntry {
    let mut large = entry();
    large.request.body = vec![b'-'; bytes].into();
    large
}

#[tokio::test]
async fn a_full_store_refuses_entries_and_loses_none() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).max_size(1024 * 1024).open().await.unwrap();
    let mut ids = Vec::new();
    let error = loop {
        match store.enqueue(vec![large(100 * 1024)]).await {
            Ok(stored) => ids.push(stored[0].id()),
            Err(error) => break error,
        }
    };
    let full = "the store is full: free disk space or raise its max_size, then prune or purge entries";
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Full, full));
    assert!((3..=10).contains(&ids.len()), "{} were stored", ids.len());
    assert_eq!(store.count(Filter::default()).await.unwrap(), u64::try_from(ids.len()).unwrap());

    store.change(ids[0], Change::DeadLetter).await.unwrap();
    assert_eq!(store.purge(Purge::All).await.unwrap(), 1);
    store.enqueue(vec![large(100 * 1024)]).await.unwrap();
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

#[tokio::test]
async fn an_entry_that_does_not_fit_does_not_affect_others_of_its_batch() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).max_size(1024 * 1024).open().await.unwrap();
    let id = store.enqueue(vec![entry()]).await.unwrap().remove(0).id();
    let holder = Connection::open(store.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first operation waits for the other program's lock. The rest wait for it and share the next
    // transaction.
    let first = store.enqueue(vec![entry()]);
    let (small, big) = (store.enqueue(vec![entry()]), store.enqueue(vec![large(2_000_000)]));
    let (unknown, cancel) = (store.change(large(1).id, Change::Cancel), store.change(id, Change::Cancel));
    let release = async { holder.execute_batch("ROLLBACK") };
    let done = tokio::join!(first, small, big, unknown, cancel, release);
    done.0.unwrap();
    done.1.unwrap();
    assert_eq!(done.2.unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(done.3.unwrap_err().kind(), StoreErrorKind::NotFound);
    assert_eq!(done.4.unwrap().state, State::Cancelled);
    let stats = store.queues().await.unwrap().remove(0);
    assert_eq!((stats.ready, stats.cancelled, stats.dead), (2, 1, 0));
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

#[tokio::test]
async fn a_full_store_still_delivers() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::builder(&path).max_size(1024 * 1024).open().await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    while store.enqueue(vec![large(10_000)]).await.is_ok() {}
    let turned = store.turn(claim(1)).await.unwrap();
    let lease = turned.claimed[0].lease.clone();
    let settle = vec![Settlement { lease, end: End::Done, attempt: None, hold: HoldChange::Keep }];
    let turned = store.turn(Turn { settle, ..claim(0) }).await.unwrap();
    assert_eq!(turned.settled, [Settled::Applied]);
}
