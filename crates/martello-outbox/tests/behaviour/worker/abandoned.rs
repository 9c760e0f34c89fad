//! Cancelled deliveries: what the layers of the stack can read, and what is recorded.

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

/// The reason that was given when a delivery was dropped.
type Recorded = Arc<OnceLock<Option<Abandoned>>>;

struct RecordsReason(Recorded);

impl Drop for RecordsReason {
    fn drop(&mut self) {
        self.0.set(Abandoned::reason()).unwrap();
    }
}

/// Never answers, and records why it is dropped.
fn silent() -> (Api, Recorded) {
    let recorded = Recorded::default();
    let records = recorded.clone();
    let api = Api::with(move |_| {
        let records = RecordsReason(records.clone());
        async move {
            let _asks = records;
            pending().await
        }
    });
    (api, recorded)
}

/// The same, and reports that the request waits for a permit.
fn queued() -> (Api, Recorded) {
    let recorded = Recorded::default();
    let records = recorded.clone();
    let api = Api::with(move |_| {
        let records = RecordsReason(records.clone());
        async move {
            let _asks = records;
            poll_fn(|_| {
                Queued::report();
                Poll::Pending
            })
            .await
        }
    });
    (api, recorded)
}

/// The reason as it was when the call was dropped, if there was one.
fn reason(recorded: &Recorded) -> Option<(Option<ErrorKind>, Outcome, &'static str)> {
    recorded.get().unwrap().map(|reason| (reason.kind(), reason.outcome(), reason.message()))
}

/// The outcome and the fault of the first recorded attempt.
async fn stored(outbox: &Outbox, id: EntryId) -> (Outcome, String) {
    let attempts = detail(outbox, id).await.attempts;
    let first = attempts.first().unwrap();
    (first.outcome, first.fault.as_deref().unwrap_or_default().to_owned())
}

#[tokio::test(start_paused = true)]
async fn layers_can_read_that_an_attempt_timed_out() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, recorded) = silent();
    let _worker = work_with(&outbox, &api, options().attempt_timeout(seconds(2)));
    let id = enqueued(&outbox, post("/orders")).await;
    settled(&outbox, id, 1).await;
    let (kind, outcome, message) = reason(&recorded).unwrap();
    assert_eq!((kind, outcome), (Some(ErrorKind::AttemptTimeout), Outcome::Ambiguous));
    let (stored, fault) = stored(&outbox, id).await;
    assert!(stored == outcome && fault.starts_with(message), "{stored}, {fault}");
}

#[tokio::test(start_paused = true)]
async fn a_request_on_the_wire_that_a_shutdown_cancels_is_ambiguous() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, recorded) = silent();
    let worker = work_with(&outbox, &api, options().grace(seconds(3)));
    let id = enqueued(&outbox, post("/orders")).await;
    sleep(seconds(1)).await;
    worker.shutdown().await;
    let (kind, outcome, message) = reason(&recorded).unwrap();
    assert_eq!((kind, outcome), (None, Outcome::Ambiguous));
    assert_eq!(stored(&outbox, id).await, (outcome, message.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_queued_request_that_a_shutdown_cancels_is_unsent() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, recorded) = queued();
    let worker = work_with(&outbox, &api, options());
    let id = enqueued(&outbox, post("/orders")).await;
    sleep(seconds(1)).await;
    worker.shutdown().await;
    let (kind, outcome, _) = reason(&recorded).unwrap();
    assert_eq!((kind, outcome), (None, Outcome::Unsent));
    assert!(detail(&outbox, id).await.attempts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_lease_is_lost_is_ambiguous() {
    for by_the_store in [false, true] {
        let memory = MemoryStore::new();
        let cut_off = Steered::over(memory.clone());
        let (outbox, other) = (Outbox::new(cut_off.clone()), Outbox::new(memory));
        let (api, recorded) = queued();
        let worker = work_with(&outbox, &api, options().lease(seconds(9)).attempt_timeout(seconds(8)));
        let id = enqueued(&outbox, post("/orders")).await;
        sleep(seconds(1)).await;
        if by_the_store {
            cut_off.renew_for(seconds(1));
        } else {
            cut_off.set(Op::Heartbeat, Fault::Fail(StoreErrorKind::Unavailable));
            cut_off.set(Op::Turn, Fault::Fail(StoreErrorKind::Unavailable));
        }
        let _other = work_with(&other, &Api::statuses([]), options());
        sleep(seconds(30)).await;
        assert_eq!(worker.health().lost, 1);
        let (kind, outcome, message) = reason(&recorded).unwrap();
        assert_eq!((kind, outcome), (None, Outcome::Ambiguous));
        assert!(message.contains("lease"), "{message}");
        assert_eq!(stored(&other, id).await.0, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_dropped_with_its_worker_has_no_reason() {
    let outbox = Outbox::new(MemoryStore::new());
    let (api, recorded) = silent();
    let worker = work_with(&outbox, &api, options());
    enqueued(&outbox, post("/orders")).await;
    sleep(seconds(1)).await;
    drop(worker);
    sleep(seconds(1)).await;
    assert_eq!(reason(&recorded), None);
}
