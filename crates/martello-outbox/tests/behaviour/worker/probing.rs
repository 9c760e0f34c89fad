//! All workers of a queue share one probe per API.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use martello_outbox::{Filter, MemoryStore, Outbox, State};
use tokio::time::{Instant, sleep};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, enqueued, options, post, put, seconds, status, work_with},
};

#[tokio::test(start_paused = true)]
async fn all_workers_share_one_probe_and_all_resume_after_it() {
    let store = MemoryStore::new();
    let start = Instant::now();
    let up = start + seconds(120);
    let api = Api::with(move |_| async move {
        sleep(Duration::from_millis(700)).await;
        status(if Instant::now() < up { 503 } else { 200 })
    });
    let outboxes = [(); 2].map(|()| Outbox::builder(store.clone()).max_attempts(1_000).build().unwrap());
    for order in 0..200 {
        enqueued(&outboxes[0], post(&format!("/orders/{order}"))).await;
    }
    let mut workers =
        Vec::from([0, 1].map(|seed| work_with(&outboxes[seed], &api, options().seed(seed as u64))));
    // By now the first deliveries have ended, which were in flight when the hold began.
    sleep(seconds(10)).await;
    let before = api.seen().len();
    let mut most = 0;
    while Instant::now() < up {
        sleep(Duration::from_millis(50)).await;
        most = most.max(api.in_flight());
        let probing = workers.iter().filter(|worker| worker.health().probing).count();
        assert!(probing <= 1 && probing >= api.in_flight().min(1), "{probing} probing, {}", api.in_flight());
    }
    let probes = api.seen().len() - before;
    assert!(most == 1 && (3..=12).contains(&probes), "{most} at once, {probes} in all");

    while workers.iter().all(|worker| worker.health().delivered < 20) {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(Instant::now() < up + seconds(60 + 5), "at the end of the longest hold, five at a time");
    // One worker has claimed as many as it may. So can the other.
    workers.sort_by_key(|worker| worker.health().delivered);
    workers.remove(1).shutdown().await;
    sleep(seconds(1)).await;
    let health = workers[0].health();
    assert_eq!((health.in_flight, health.probing, api.in_flight()), (5, false, 5));
    sleep(seconds(40)).await;
    assert_eq!(outboxes[0].store().count(Filter::state(State::Done)).await.unwrap(), 200);
}

/// A worker forgets the failures of an API when another worker has ended the hold.
#[tokio::test(start_paused = true)]
async fn a_failure_after_another_worker_ended_the_hold_is_the_first_again() {
    let (memory, is_up) = (MemoryStore::new(), Arc::new(AtomicBool::new(false)));
    let store = Steered::over(memory.clone());
    let up = Arc::clone(&is_up);
    let api = Api::with(move |_| {
        let up = up.load(Ordering::SeqCst);
        async move { status(if up { 200 } else { 503 }) }
    });
    let one = Outbox::new(store.clone());
    let other = Outbox::builder(memory).max_attempts(1).build().unwrap();
    let worker = work_with(&one, &api, options().hold_after(3));
    let fails = async |times: usize| {
        for _ in 0..times {
            enqueued(&other, post("/orders")).await;
            sleep(Duration::from_millis(20)).await;
        }
        let holds = other.store().queues().await.unwrap().remove(0).holds;
        (worker.health().failures_in_row, holds.len())
    };
    assert_eq!(fails(2).await, (2, 0));
    assert_eq!(fails(1).await, (3, 1));

    // This worker cannot reach its store for a while, and the other ends the hold.
    store.set(Op::Turn, Fault::Hang);
    enqueued(&other, post("/orders")).await;
    is_up.store(true, Ordering::SeqCst);
    let able = work_with(&other, &api, options());
    sleep(seconds(2)).await;
    assert_eq!(able.shutdown().await.delivered, 1);
    is_up.store(false, Ordering::SeqCst);
    store.heal(Op::Turn);
    sleep(seconds(120)).await;

    assert_eq!(fails(1).await, (1, 0));
    assert_eq!(fails(2).await, (3, 1));
}

/// A panic of the user's service says nothing about the API.
#[tokio::test(start_paused = true)]
async fn a_local_fault_neither_holds_an_api_nor_ends_its_hold() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(1).build().unwrap();
    let api = Api::with(|seen| async move {
        assert!(seen.path != "/panics", "the user's code is at fault");
        status(503)
    });
    let _worker = work_with(&outbox, &api, options().hold_after(3));
    let holds = async || outbox.store().queues().await.unwrap().remove(0).holds;
    for (path, held) in [("/panics", Vec::new()), ("/orders", vec![1]), ("/panics", vec![1])] {
        for _ in 0..3 {
            enqueued(&outbox, put(path)).await;
        }
        sleep(seconds(20)).await;
        let found: Vec<_> = holds().await.into_iter().map(|held| held.in_row).collect();
        assert_eq!(found, held, "{path}");
    }
    assert_eq!((api.seen().len(), outbox.store().count(Filter::state(State::Dead)).await.unwrap()), (9, 9));
}
