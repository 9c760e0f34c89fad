//! A delivery that a worker gives up: what the layers of its stack are told, and what is written down of the attempt.

use std::{
    future::{pending, poll_fn},
    sync::{Arc, OnceLock},
    task::Poll,
};

use martello_outbox::{EntryId, MemoryStore, Outbox, StoreErrorKind};
use martello_outcome::{Abandoned, ErrorKind, Outcome, Queued};
use tokio::time::sleep;

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, detail, enqueued, options, post, seconds, settled, work_with},
};

/// Why a delivery was dropped, once it was.
type Told = Arc<OnceLock<Option<Abandoned>>>;

struct Asks(Told);

impl Drop for Asks {
    fn drop(&mut self) {
        self.0.set(Abandoned::reason()).unwrap();
    }
}

/// Never answers, and is told why it is dropped.
fn silent() -> (Api, Told) {
    let told = Told::default();
    let asks = told.clone();
    let api = Api::with(move |_| {
        let asks = Asks(asks.clone());
        async move {
            let _asks = asks;
            pending().await
        }
    });
    (api, told)
}

/// The same, and says that the request waits for a permit.
fn queued() -> (Api, Told) {
    let told = Told::default();
    let asks = told.clone();
    let api = Api::with(move |_| {
        let asks = Asks(asks.clone());
        async move {
            let _asks = asks;
            poll_fn(|_| {
                Queued::report();
                Poll::Pending
            })
            .await
        }
    });
    (api, told)
}

/// What was said while it was dropped, if anything.
fn said(told: &Told) -> Option<(Option<ErrorKind>, Outcome, &'static str)> {
    told.get().unwrap().map(|reason| (reason.kind(), reason.outcome(), reason.message()))
}

/// The outcome and the fault of the first attempt that is written down.
async fn written(outbox: &Outbox, id: EntryId) -> (Outcome, String) {
    let attempts = detail(outbox, id).await.attempts;
    let first = attempts.first().unwrap();
    (first.outcome, first.fault.as_deref().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_too_long_timed_out() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, told) = silent();
    let _worker = work_with(&outbox, &api, options().attempt_timeout(seconds(2)));
    let id = enqueued(&outbox, post("/orders")).await;
    settled(&outbox, id, 1).await;
    let (kind, outcome, message) = said(&told).unwrap();
    assert_eq!((kind, outcome), (Some(ErrorKind::AttemptTimeout), Outcome::Ambiguous));
    let (written, fault) = written(&outbox, id).await;
    assert!(written == outcome && fault.starts_with(message), "{written}, {fault}");
}

#[tokio::test(start_paused = true)]
async fn one_that_a_shutdown_ends_on_the_wire_is_ambiguous() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, told) = silent();
    let worker = work_with(&outbox, &api, options().grace(seconds(3)));
    let id = enqueued(&outbox, post("/orders")).await;
    sleep(seconds(1)).await;
    worker.shutdown().await;
    let (kind, outcome, message) = said(&told).unwrap();
    assert_eq!((kind, outcome), (None, Outcome::Ambiguous));
    assert_eq!(written(&outbox, id).await, (outcome, message.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn one_that_a_shutdown_ends_in_a_queue_is_unsent() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, told) = queued();
    let worker = work_with(&outbox, &api, options());
    let id = enqueued(&outbox, post("/orders")).await;
    sleep(seconds(1)).await;
    worker.shutdown().await;
    let (kind, outcome, _) = said(&told).unwrap();
    assert_eq!((kind, outcome), (None, Outcome::Unsent));
    assert!(detail(&outbox, id).await.attempts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_whose_lease_is_lost_is_ambiguous_as_the_store_has_it() {
    for told_so in [false, true] {
        let memory = MemoryStore::new();
        let cut_off = Steered::over(memory.clone());
        let (outbox, other) = (Outbox::new(cut_off.clone()), Outbox::new(memory));
        let (api, told) = queued();
        let worker = work_with(&outbox, &api, options().lease(seconds(9)).attempt_timeout(seconds(8)));
        let id = enqueued(&outbox, post("/orders")).await;
        sleep(seconds(1)).await;
        if told_so {
            cut_off.renew_for(seconds(1));
        } else {
            cut_off.set(Op::Heartbeat, Fault::Fail(StoreErrorKind::Unavailable));
            cut_off.set(Op::Turn, Fault::Fail(StoreErrorKind::Unavailable));
        }
        let _other = work_with(&other, &Api::statuses([]), options());
        sleep(seconds(30)).await;
        assert_eq!(worker.health().lost, 1);
        let (kind, outcome, message) = said(&told).unwrap();
        assert_eq!((kind, outcome), (None, Outcome::Ambiguous));
        assert!(message.contains("lease"), "{message}");
        assert_eq!(written(&other, id).await.0, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_dropped_with_its_worker_is_told_nothing() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, told) = silent();
    let worker = work_with(&outbox, &api, options());
    enqueued(&outbox, post("/orders")).await;
    sleep(seconds(1)).await;
    drop(worker);
    sleep(seconds(1)).await;
    assert_eq!(said(&told), None);
}
