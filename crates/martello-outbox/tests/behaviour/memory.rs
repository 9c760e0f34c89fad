//! What is the model's own: whose time it goes by, and what a clone is. Its semantics are for the suite.

use std::time::Duration;

use martello_outbox::{
    Filter, MemoryStore, NewEntry, QueueName, State, Store, StoredRequest,
    store::{Turn, Watch, WorkerId},
};

fn entry() -> NewEntry {
    let request = StoredRequest {
        method: http::Method::PUT,
        uri: "https://api.example/plans/7".parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: "{}".into(),
        sealed: false,
    };
    NewEntry::new(QueueName::default(), request)
}

fn turn() -> Turn {
    Turn {
        queue: QueueName::default(),
        worker: WorkerId::new("w").unwrap(),
        settle: Vec::new(),
        claim: 10,
        cap: 5,
        lease_duration: Duration::from_secs(60),
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_moves_the_time_of_a_store() {
    let store = MemoryStore::new();
    let mut delayed = entry();
    delayed.delay = Duration::from_secs(10);
    store.enqueue(vec![delayed]).await.unwrap();
    let turned = store.turn(turn()).await.unwrap();
    assert_eq!((turned.claimed.len(), turned.next), (0, Some(Duration::from_secs(10))));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(store.turn(turn()).await.unwrap().claimed.len(), 1);
}

#[tokio::test]
async fn a_clone_shares_the_data_and_the_notifications() {
    let store = MemoryStore::new();
    let news = store.clone().watch(Watch::Ready);
    assert!(!news.has_changed().unwrap());
    store.enqueue(vec![entry()]).await.unwrap();
    assert!(news.has_changed().unwrap());
    assert_eq!(store.clone().count(Filter::state(State::Ready)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_turn_that_finds_nothing_is_no_news() {
    let store = MemoryStore::new();
    store.enqueue(vec![entry()]).await.unwrap();
    let news = [store.watch(Watch::Ready), store.watch(Watch::Ended)];
    assert_eq!(store.turn(turn()).await.unwrap().claimed.len(), 1);
    assert_eq!(store.turn(turn()).await.unwrap().claimed.len(), 0);
    assert!(news.iter().all(|news| !news.has_changed().unwrap()), "a worker would wake itself");
}
