//! The shutdown of a worker.

use martello_outbox::{MemoryStore, Outbox, Reason, State, WorkerPhase};
use tokio::time::{Instant, sleep};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, detail, enqueued, options, post, put, seconds, stored, work, work_with},
};

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_requests_on_the_wire_and_claims_nothing_more() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let worker = work(&outbox, &api);
    for order in 0..8 {
        enqueued(&outbox, put(&format!("/orders/{order}"))).await;
    }
    sleep(seconds(1)).await;
    let monitor = worker.monitor();
    let start = Instant::now();
    let release = async {
        sleep(seconds(10)).await;
        let health = monitor.health();
        assert_eq!((health.phase, health.is_healthy()), (WorkerPhase::Draining, false));
        api.release(5);
    };
    let (health, ()) = tokio::join!(worker.shutdown(), release);
    assert_eq!((health.phase, health.delivered, health.in_flight), (WorkerPhase::Stopped, 5, 0));
    assert_eq!((start.elapsed().as_secs(), api.seen().len()), (10, 5));
    let states: Vec<_> = stored(&outbox).await.iter().map(|entry| entry.state).collect();
    assert_eq!(states.iter().filter(|state| **state == State::Ready).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_response_within_the_grace_are_cancelled_as_ambiguous() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let worker = work_with(&outbox, &api, options().grace(seconds(3)));
    let (again, dead) = (enqueued(&outbox, put("/orders/1")).await, enqueued(&outbox, post("/orders")).await);
    sleep(seconds(1)).await;
    let start = Instant::now();
    worker.shutdown().await;
    assert_eq!((start.elapsed().as_secs(), api.in_flight()), (3, 0));
    let (again, dead) = (detail(&outbox, again).await, detail(&outbox, dead).await);
    assert_eq!((again.entry.state, again.entry.tries), (State::Ready, 1));
    assert_eq!((dead.entry.state, dead.entry.reason), (State::Dead, Some(Reason::Ambiguous)));
    assert!(dead.attempts[0].fault.as_ref().unwrap().contains("shut down"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_ends_at_once() {
    let outbox = Outbox::new(MemoryStore::new());
    let worker = work(&outbox, &Api::statuses([]));
    sleep(seconds(1)).await;
    let start = Instant::now();
    worker.shutdown().await;
    assert!(start.elapsed().as_millis() < 10);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_block_the_shutdown() {
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]).held();
    let worker = work_with(&outbox, &api, options().grace(seconds(3)));
    enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    store.set(Op::Turn, Fault::Hang);
    let start = Instant::now();
    worker.shutdown().await;
    assert_eq!(start.elapsed().as_secs(), 8, "the grace and five seconds");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_has_five_seconds_after_the_last_delivery() {
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]).held();
    let worker = work_with(&outbox, &api, options().grace(seconds(300)));
    enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    store.set(Op::Turn, Fault::Hang);
    let start = Instant::now();
    let release = async {
        sleep(seconds(10)).await;
        api.release(1);
    };
    tokio::join!(worker.shutdown(), release);
    assert_eq!(start.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn entries_claimed_when_the_shutdown_begins_are_given_back() {
    let store = Steered::default();
    store.set(Op::Turn, Fault::Late(seconds(1)));
    let outbox = Outbox::new(store.clone());
    let id = enqueued(&outbox, put("/orders/1")).await;
    let api = Api::statuses([]);
    let worker = work(&outbox, &api);
    sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(outbox.store().entry(id).await.unwrap().unwrap().state, State::Leased);
    let health = worker.shutdown().await;
    let entry = outbox.store().entry(id).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.attempts, entry.tries), (State::Ready, 0, 0));
    assert_eq!((health.given_back, api.seen().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_worker_aborts_its_deliveries() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]).held();
    let worker = work(&outbox, &api);
    let monitor = worker.monitor();
    let id = enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    assert_eq!(api.in_flight(), 1);
    drop(worker);
    tokio::task::yield_now().await;
    let health = monitor.health();
    assert_eq!((api.in_flight(), health.in_flight, health.phase), (0, 0, WorkerPhase::Stopped));
    assert_eq!(outbox.store().entry(id).await.unwrap().unwrap().state, State::Leased);
}

#[tokio::test(start_paused = true)]
async fn a_worker_can_run_on_the_callers_task() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]);
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    let worker = outbox.worker(api.service());
    let monitor = worker.monitor();
    assert_eq!(monitor.health().phase, WorkerPhase::Starting);
    worker.run_until(ticket.ended()).await;
    assert_eq!((monitor.health().delivered, monitor.health().phase), (1, WorkerPhase::Stopped));
}
