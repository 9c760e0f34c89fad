//! A queue's deliveries are limited over all workers, to five by default, and to one per key.

use martello_outbox::{Filter, MemoryStore, Outbox, State};
use tokio::time::sleep;

use crate::support::{Api, enqueued, options, post, put, seconds, work_with};

#[tokio::test(start_paused = true)]
async fn several_workers_share_the_limit_of_five_deliveries() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let workers: Vec<_> = (0..4).map(|seed| work_with(&outbox, &api, options().seed(seed))).collect();
    for order in 0..40 {
        enqueued(&outbox, put(&format!("/orders/{order}"))).await;
    }
    sleep(seconds(1)).await;
    assert_eq!(api.in_flight(), 5);
    assert_eq!(outbox.store().count(Filter::state(State::Leased)).await.unwrap(), 5);
    assert_eq!(workers.iter().map(|worker| worker.health().in_flight).sum::<usize>(), 5);
    for _ in 0..40 {
        api.release(1);
        sleep(seconds(1)).await;
    }
    assert_eq!((api.most_in_flight(), api.seen().len()), (5, 40));
    assert_eq!(outbox.store().count(Filter::state(State::Done)).await.unwrap(), 40);
}

#[tokio::test(start_paused = true)]
async fn each_queue_has_its_own_limit() {
    let store = MemoryStore::new();
    let queue =
        |name: &str, cap| Outbox::builder(store.clone()).queue(name).concurrency(cap).build().unwrap();
    let (orders, plans) = (queue("orders", 5), queue("plans", 2));
    let api = Api::statuses([]).held();
    let _workers = [&orders, &plans].map(|outbox| work_with(outbox, &api, options()));
    for number in 0..10 {
        enqueued(&orders, post(&format!("/orders/{number}"))).await;
        enqueued(&plans, post(&format!("/plans/{number}"))).await;
    }
    sleep(seconds(1)).await;
    let of = |start: &str| api.seen().iter().filter(|seen| seen.path.starts_with(start)).count();
    assert_eq!((of("/orders"), of("/plans"), api.in_flight()), (5, 2, 7));
}

#[tokio::test(start_paused = true)]
async fn a_failed_entry_blocks_its_key_and_no_other() {
    let outbox = Outbox::new(MemoryStore::new());
    let down = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let fails = std::sync::Arc::clone(&down);
    let api = Api::with(move |seen| {
        let fails = seen.path == "/orders/1" && fails.load(std::sync::atomic::Ordering::SeqCst);
        async move { crate::support::status(if fails { 503 } else { 200 }) }
    });
    let _worker = work_with(&outbox, &api, options().hold_after(1_000));
    let first = enqueued(&outbox, put("/orders/1")).await;
    let second = enqueued(&outbox, put("/orders/1")).await;
    let other = outbox.enqueue(put("/orders/2")).await.unwrap();
    other.ended().await.unwrap();
    sleep(seconds(60)).await;
    let attempts = async |id| outbox.store().entry(id).await.unwrap().unwrap().attempts;
    assert!(attempts(first).await >= 3);
    assert_eq!(attempts(second).await, 0, "it may not overtake");
    down.store(false, std::sync::atomic::Ordering::SeqCst);
    outbox.ticket(second).ended().await.unwrap();
    assert_eq!(outbox.store().entry(first).await.unwrap().unwrap().state, State::Done);
}
