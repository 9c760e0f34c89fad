//! Heartbeats renew leases, and a delivery whose lease is lost is cancelled.

use std::{future::poll_fn, task::Poll, time::Duration};

use martello_outbox::{MemoryStore, Outbox, State, StoreErrorKind};
use martello_outcome::{Outcome, Queued};
use tokio::time::{Instant, sleep};

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, detail, enqueued, options, post, put, seconds, status, work_with},
};

const DOWN: Fault = Fault::Fail(StoreErrorKind::Unavailable);

/// Answers after this long. Until then it reports that the request is queued, so that the attempt timeout
/// does not run.
fn queued(wait: Duration) -> Api {
    Api::with(move |_| async move {
        let mut timer = std::pin::pin!(sleep(wait));
        poll_fn(|cx| match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => {
                Queued::report();
                Poll::Pending
            }
        })
        .await;
        status(200)
    })
}

#[tokio::test(start_paused = true)]
async fn heartbeats_renew_the_lease_of_a_long_delivery() {
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let api = queued(seconds(100));
    let lease = || options().lease(seconds(9)).attempt_timeout(seconds(8));
    let worker = work_with(&outbox, &api, lease());
    let other = work_with(&outbox, &api, lease().seed(8));
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    let entry = ticket.ended().await.unwrap();
    assert_eq!((entry.state, entry.attempts, api.seen().len()), (State::Done, 1, 1));
    let beats = store.calls(Op::Heartbeat);
    assert!((30..=36).contains(&beats), "three in each lease: {beats}");
    assert_eq!(worker.health().lost + other.health().lost, 0);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_lease_cannot_be_renewed_is_cancelled_before_another_begins() {
    let memory = MemoryStore::new();
    let cut_off = Steered::over(memory.clone());
    let (outbox, other) = (Outbox::new(cut_off.clone()), Outbox::new(memory));
    let api = queued(seconds(100));
    let lease = || options().lease(seconds(9)).attempt_timeout(seconds(8));
    let worker = work_with(&outbox, &api, lease().name("first"));
    let id = enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(1)).await;
    assert_eq!(api.in_flight(), 1);
    let _other = work_with(&other, &api, lease().name("second"));
    for op in [Op::Turn, Op::Heartbeat] {
        cut_off.set(op, DOWN);
    }
    sleep(seconds(7)).await;
    assert_eq!((api.in_flight(), worker.health().lost), (1, 0), "the lease still holds");
    sleep(seconds(2)).await;
    assert_eq!((api.most_in_flight(), worker.health().lost), (1, 1));
    assert_eq!(api.seen().len(), 2, "the second worker has it at once");
    other.ticket(id).ended().await.unwrap();
    let attempts = detail(&other, id).await.attempts;
    let by = |number: usize| (attempts[number].worker.as_deref(), attempts[number].outcome);
    assert_eq!(attempts.len(), 2);
    assert_eq!(by(0), (Some("first"), Outcome::Ambiguous));
    assert_eq!(by(1), (Some("second"), Outcome::Success));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_cancelled_when_a_heartbeat_reports_its_lease_lost() {
    let memory = MemoryStore::new();
    let cut_off = Steered::over(memory.clone());
    let (outbox, other) = (Outbox::new(cut_off.clone()), Outbox::new(memory));
    let api = queued(seconds(100));
    let worker = work_with(&outbox, &api, options().lease(seconds(30)).attempt_timeout(seconds(8)));
    let id = enqueued(&outbox, put("/orders/1")).await;
    // The first heartbeat renews the lease for one second only, which the worker does not know.
    cut_off.renew_for(seconds(1));
    sleep(seconds(11)).await;
    let _other = work_with(&other, &api, options());
    sleep(seconds(8)).await;
    assert_eq!((worker.health().lost, api.in_flight()), (0, 2), "it does not know yet");
    sleep(seconds(2)).await;
    assert_eq!((worker.health().lost, api.in_flight()), (1, 1));
    let entry = other.ticket(id).ended().await.unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Done, 2));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_cannot_settle() {
    let memory = MemoryStore::new();
    let cut_off = Steered::over(memory.clone());
    let (outbox, other) = (Outbox::new(cut_off.clone()), Outbox::new(memory));
    let api = Api::answering([status(422), status(200)]);
    let id = enqueued(&outbox, put("/orders/1")).await;
    let lease = || options().lease(seconds(9)).attempt_timeout(seconds(8));
    let gate = api.clone().held();
    let worker = work_with(&outbox, &gate, lease());
    sleep(seconds(1)).await;
    // Its attempt is rejected, but the worker cannot settle that.
    for op in [Op::Turn, Op::Heartbeat] {
        cut_off.set(op, DOWN);
    }
    gate.release(1);
    sleep(seconds(1)).await;
    assert_eq!(worker.health().in_flight, 0);
    let _other = work_with(&other, &api, lease());
    let entry = other.ticket(id).ended().await.unwrap();
    assert_eq!((entry.state, entry.attempts), (State::Done, 2));
    for op in [Op::Turn, Op::Heartbeat] {
        cut_off.heal(op);
    }
    sleep(seconds(6)).await;
    let health = worker.health();
    assert_eq!((health.fenced, health.dead_letters(martello_outbox::Reason::Rejected)), (1, 0));
    let detail = detail(&other, id).await;
    assert_eq!((detail.entry.state, detail.attempts.len()), (State::Done, 2));
}

#[tokio::test(start_paused = true)]
async fn another_worker_takes_over_after_the_lease_of_a_dead_one() {
    for (request, state, attempts) in [(put("/orders/1"), State::Done, 2), (post("/orders"), State::Dead, 1)]
    {
        let outbox = Outbox::new(MemoryStore::new());
        let api = Api::statuses([]);
        let gate = api.clone().held();
        let worker = work_with(&outbox, &gate, options());
        let ticket = outbox.enqueue(request).await.unwrap();
        sleep(seconds(1)).await;
        let started = Instant::now();
        drop(worker);
        let _other = work_with(&outbox, &api, options());
        let entry = ticket.ended().await.unwrap();
        assert_eq!((entry.state, entry.attempts), (state, attempts));
        let after = started.elapsed();
        assert!(after > seconds(58) && after < seconds(60), "{after:?}");
    }
}
