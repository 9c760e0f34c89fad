//! A store that fails for a while delays deliveries and changes nothing else.

use std::time::Duration;

use martello_outbox::{MemoryStore, Outbox, State, StoreErrorKind};
use tokio::time::sleep;

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, detail, enqueued, options, put, seconds, work, work_with},
};

#[tokio::test(start_paused = true)]
async fn the_worker_retries_with_a_backoff_until_the_store_answers() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Full, StoreErrorKind::Internal] {
        let store = Steered::default();
        let outbox = Outbox::new(store.clone());
        let api = Api::statuses([]);
        let worker = work(&outbox, &api);
        sleep(seconds(1)).await;
        for op in [Op::Turn, Op::Heartbeat, Op::Prune] {
            store.set(op, Fault::Fail(kind));
        }
        let (before, ticket) = (store.calls(Op::Turn), outbox.enqueue(put("/orders/1")).await.unwrap());
        sleep(seconds(60)).await;
        let health = worker.health();
        assert!(health.store_failing && !health.is_healthy() && health.store_failures > 5, "{health:?}");
        assert!(store.calls(Op::Turn) - before < 40, "{}", store.calls(Op::Turn) - before);
        for op in [Op::Turn, Op::Heartbeat, Op::Prune] {
            store.heal(op);
        }
        let entry = tokio::time::timeout(seconds(11), ticket.ended()).await.unwrap().unwrap();
        assert_eq!((entry.state, entry.attempts), (State::Done, 1));
        assert!(worker.health().is_healthy());
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_that_end_during_an_outage_are_settled_afterwards() {
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]).held();
    let worker = work(&outbox, &api);
    let id = enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    store.set(Op::Turn, Fault::Fail(StoreErrorKind::Unavailable));
    api.release(1);
    sleep(seconds(30)).await;
    assert_eq!(outbox.store().entry(id).await.unwrap().unwrap().state, State::Leased);
    store.heal(Op::Turn);
    let entry = outbox.ticket(id).ended().await.unwrap();
    assert_eq!((entry.state, entry.attempts, api.seen().len()), (State::Done, 1, 1));
    assert_eq!((worker.health().delivered, worker.health().fenced), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_settlement_whose_response_was_lost_is_applied_once() {
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([503]).held();
    let hour = seconds(3_600);
    let worker = work_with(&outbox, &api, options().backoff(hour, hour));
    let id = enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    store.set(Op::Turn, Fault::Lost);
    api.release(1);
    sleep(seconds(1)).await;
    store.heal(Op::Turn);
    sleep(seconds(10)).await;
    let detail = detail(&outbox, id).await;
    assert_eq!((detail.entry.state, detail.attempts.len(), detail.entry.tries), (State::Ready, 1, 1));
    assert_eq!(
        (worker.health().deferred(martello_outcome::Outcome::Unavailable), worker.health().fenced),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_response_was_lost_is_repeated_after_its_lease() {
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]);
    let _worker = work(&outbox, &api);
    store.set(Op::Turn, Fault::Lost);
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    sleep(seconds(1)).await;
    store.heal(Op::Turn);
    let entry = ticket.ended().await.unwrap();
    assert_eq!((entry.state, entry.attempts, api.seen().len()), (State::Done, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_hangs_times_out_after_a_lease() {
    let store = Steered::default();
    store.set(Op::Turn, Fault::Hang);
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]);
    let worker = work(&outbox, &api);
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    sleep(seconds(59)).await;
    store.heal(Op::Turn);
    assert!(!worker.health().store_failing);
    sleep(seconds(2)).await;
    assert_eq!(ticket.status().await.unwrap().state, State::Done);
    assert_eq!(worker.health().store_failures, 1);
}

/// The lease counts from before the request to the store.
async fn claimed_after(time: Duration) -> (usize, u32) {
    let memory = MemoryStore::new();
    let slow = Steered::over(memory.clone());
    slow.set(Op::Turn, Fault::Late(time));
    let (outbox, other) = (Outbox::new(slow.clone()), Outbox::new(memory));
    let api = Api::statuses([]).held();
    let id = enqueued(&other, put("/orders/1")).await;
    let lease = || options().lease(seconds(9)).attempt_timeout(seconds(8));
    let _worker = work_with(&outbox, &api, lease());
    sleep(seconds(1)).await;
    let _other = work_with(&other, &api, lease().seed(1));
    sleep(time).await;
    let in_flight = api.in_flight();
    sleep(seconds(5)).await;
    api.release(2);
    let entry = other.ticket(id).ended().await.unwrap();
    assert_eq!((entry.state, api.most_in_flight()), (State::Done, 1));
    (in_flight, entry.attempts)
}

#[tokio::test(start_paused = true)]
async fn a_late_claim_is_renewed_at_once_and_one_that_is_too_late_is_not_sent() {
    assert_eq!(claimed_after(Duration::from_millis(8_500)).await, (1, 1));
    // The other worker delivers it after the lease.
    assert_eq!(claimed_after(Duration::from_millis(8_990)).await.1, 2);
}
