//! Several stores on one file, in one process, behave like one.

use std::collections::HashSet;

use martello_outbox::{Filter, State, Store};
use martello_sqlite::SqliteStore;

use crate::support::{claim, entry, keyed, temp_store_path};

#[tokio::test]
async fn two_stores_on_one_file_behave_like_one() {
    let (_directory, path) = temp_store_path();
    let (one, other) = (SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap());
    one.enqueue(vec![keyed("a"), keyed("a"), entry()]).await.unwrap();
    let turned = other.turn(claim(10)).await.unwrap();
    assert_eq!(turned.claimed.len(), 2, "one of the key, and the one without");
    assert!(one.turn(claim(10)).await.unwrap().claimed.is_empty());
    assert_eq!(one.count(Filter::state(State::Leased)).await.unwrap(), 2);
    one.close().await;
    assert_eq!(other.count(Filter::state(State::Ready)).await.unwrap(), 1, "closing one closes one");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_claims_never_share_an_entry_or_exceed_the_cap() {
    let (_directory, path) = temp_store_path();
    let mut stores = Vec::new();
    for _ in 0..4 {
        stores.push(SqliteStore::open(&path).await.unwrap());
    }
    stores[0].enqueue((0..50).map(|_| entry()).collect()).await.unwrap();
    let turns = stores.iter().map(|store| store.turn(claim(3)));
    let turned = futures_util::future::join_all(turns).await;
    let ids: Vec<_> =
        turned.into_iter().flat_map(|turned| turned.unwrap().claimed).map(|it| it.entry.id).collect();
    assert_eq!(ids.len(), 5);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_create_a_store_at_once() {
    for _ in 0..5 {
        let (_directory, path) = temp_store_path();
        let opened = futures_util::future::join_all((0..8).map(|_| SqliteStore::open(&path))).await;
        for store in opened {
            store.unwrap().enqueue(vec![entry()]).await.unwrap();
        }
        assert_eq!(SqliteStore::open(&path).await.unwrap().queues().await.unwrap()[0].ready, 8);
    }
}
