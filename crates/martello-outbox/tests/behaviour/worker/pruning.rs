//! How a worker prunes old entries.

use std::time::Duration;

use martello_outbox::{Change, Filter, MemoryStore, NewEntry, Outbox, QueueName, State, StoredRequest};
use tokio::time::sleep;

use crate::{
    steered::{Op, Steered},
    support::{Api, enqueued, options, put, seconds, woken_at_most, work_with},
};

/// A store with this many entries that were cancelled a day ago.
async fn cancelled(many: usize) -> Steered {
    let store = MemoryStore::new();
    let outbox = Outbox::new(store.clone());
    let request = StoredRequest {
        method: http::Method::PUT,
        uri: "https://api.example/".parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        sealed: false,
    };
    let entries: Vec<_> = (0..many).map(|_| NewEntry::new(QueueName::default(), request.clone())).collect();
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    outbox.store().enqueue(entries).await.unwrap();
    for id in ids {
        outbox.store().change(id, Change::Cancel).await.unwrap();
    }
    sleep(seconds(24 * 3_600)).await;
    Steered::over(store)
}

#[tokio::test(start_paused = true)]
async fn a_full_prune_is_followed_by_another_after_a_second() {
    let store = cancelled(2_500).await;
    let outbox = Outbox::new(store.clone());
    let left = async || outbox.store().count(Filter::state(State::Cancelled)).await.unwrap();
    let _worker = work_with(&outbox, &Api::statuses([]), options().retention(seconds(3_600)));
    sleep(Duration::from_millis(500)).await;
    for (pruned, expected) in [(1, 1_500), (2, 500), (3, 0)] {
        assert_eq!((store.calls(Op::Prune), left().await), (pruned, expected));
        sleep(seconds(1)).await;
    }
    sleep(seconds(40)).await;
    assert_eq!(store.calls(Op::Prune), 3, "there is no more");
    sleep(seconds(600 - 44)).await;
    assert!((10..=15).contains(&store.calls(Op::Prune)), "about once a minute: {}", store.calls(Op::Prune));
}

#[tokio::test(start_paused = true)]
async fn entries_younger_than_the_retention_are_kept() {
    let store = cancelled(3).await;
    let outbox = Outbox::new(store.clone());
    let _worker = work_with(&outbox, &Api::statuses([]), options().retention(seconds(25 * 3_600)));
    for (hours, expected) in [(0, 3), (2, 0)] {
        sleep(seconds(hours * 3_600 + 100)).await;
        assert_eq!(outbox.store().count(Filter::default()).await.unwrap(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_shuts_down_does_not_prune() {
    let store = cancelled(2_500).await;
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]).held();
    let hour = seconds(3_600);
    let options = options().lease(hour).attempt_timeout(seconds(3_500)).grace(hour).retention(hour);
    let worker = outbox.worker(api.service()).with_options(options.build().unwrap());
    enqueued(&outbox, put("/orders/1")).await;
    let release = async {
        sleep(seconds(1_800)).await;
        assert_eq!((api.in_flight(), store.calls(Op::Prune)), (1, 2));
        api.release(1);
    };
    let run = worker.run_until(sleep(Duration::from_millis(1_500)));
    tokio::join!(woken_at_most(2_000, run), release);
}
