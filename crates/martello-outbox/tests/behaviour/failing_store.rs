//! When the store fails, the caller gets both errors, and nothing is sent that could break the order.

use std::{
    error::Error,
    sync::{Arc, Mutex},
    time::Duration,
};

use martello_outbox::{store::*, *};
use martello_outcome::Outcome;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, broken, post, put, service},
};

/// A store that fails where it is reported to; what it is not asked for here it does not do either.
#[derive(Debug)]
struct Failing {
    enqueue: bool,
    key_state: bool,
}

fn down<'a, T: Send + 'a>() -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Err(StoreError::new(StoreErrorKind::Unavailable, "the disk is on fire"))))
}

macro_rules! down {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($argument: $type),*) -> StoreFuture<'_, $result> {
            $(let _ = $argument;)*
            down()
        })*
    };
}

impl Store for Failing {
    fn enqueue(&self, entries: Vec<NewEntry>) -> StoreFuture<'_, Vec<Enqueued>> {
        match self.enqueue {
            true => down(),
            false => {
                Box::pin(async move { Ok(entries.iter().map(|entry| Enqueued::Stored(entry.id)).collect()) })
            }
        }
    }

    fn key_state<'a>(&'a self, _: &'a QueueName, _: &'a OrderKey) -> StoreFuture<'a, KeyState> {
        if self.key_state { down() } else { Box::pin(std::future::ready(Ok(KeyState::default()))) }
    }

    fn overtake<'a>(&'a self, _: &'a QueueName, _: &'a OrderKey, _: Overtaken) -> StoreFuture<'a, u64> {
        down()
    }

    fn pause<'a>(&'a self, _: &'a QueueName, _: &'a str) -> StoreFuture<'a, ()> {
        down()
    }

    fn resume<'a>(&'a self, _: &'a QueueName) -> StoreFuture<'a, ()> {
        down()
    }

    fn watch(&self, _: Watch) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    down! {
        turn(turn: Turn) -> Turned;
        heartbeat(leases: Vec<Lease>, lease_duration: Duration) -> Vec<bool>;
        queues() -> Vec<QueueStats>;
        entry(id: EntryId) -> Option<Entry>;
        detail(id: EntryId) -> Option<Detail>;
        list(filter: Filter, after: Option<Cursor>, limit: usize) -> Page;
        count(filter: Filter) -> u64;
        change(id: EntryId, change: Change) -> Entry;
        replay(filter: Filter, per_second: f64, overtaken: WhenOvertaken) -> ReplayJob;
        replays() -> Vec<ReplayJob>;
        cancel_replay(job: JobId) -> ReplayJob;
        purge(purge: Purge) -> u64;
        prune(age: Duration, limit: usize) -> u64;
        check_health() -> Vec<Check>;
    }
}

fn causes(error: &NotStored) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_call_that_failed_and_cannot_be_stored_comes_back_with_both_errors() {
    let outbox = Outbox::new(Failing { enqueue: true, key_state: false });
    let error = service(&outbox, &Api::statuses([503])).oneshot(put("/orders/1")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (NotStoredKind::Store, Outcome::Unavailable));
    assert_eq!((error.last_status().unwrap().as_u16(), error.attempts().len()), (503, 1));
    let text = causes(&error);
    assert!(text.contains("503") && text.contains("the disk is on fire"), "{text}");

    let error = service(&outbox, &Api::answering([broken()])).oneshot(post("/orders")).await.unwrap_err();
    assert_eq!(error.call().unwrap().outcome(), Outcome::Ambiguous);
    assert!(causes(&error).contains("the disk is on fire"));
}

/// It is what `unwrap` and `?` in `main` show.
#[tokio::test(start_paused = true)]
async fn the_debug_text_of_an_error_has_all_that_is_known() {
    let store_error =
        r#"StoreError { kind: Unavailable, message: "the disk is on fire", source: Some("smoke") }"#;
    let error = StoreError::new(StoreErrorKind::Unavailable, "the disk is on fire").with_source("smoke");
    assert_eq!(format!("{error:?}"), store_error);

    let outbox = Outbox::new(Failing { enqueue: true, key_state: false });
    let error = service(&outbox, &Api::statuses([503])).oneshot(put("/orders/1")).await.unwrap_err();
    let shown = format!("{error:?}");
    for part in [
        r#"NotStored { kind: Store, message: "the store failed""#,
        "source: Some(StoreError { kind: Unavailable",
        "outcome: Unavailable, last_status: Some(503), attempts: Attempts(Some([Attempt { number: 1",
        "call: None }",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }

    let error = service(&outbox, &Api::answering([broken()])).oneshot(post("/orders")).await.unwrap_err();
    let shown = format!("{error:?}");
    for part in ["outcome: Ambiguous, last_status: None", "call: Some(CallError { kind: Transport"] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_an_order_is_not_sent_while_nobody_knows_what_is_stored() {
    let outbox = Outbox::new(Failing { enqueue: false, key_state: true });
    let api = Api::statuses([200, 200]);
    let error = service(&outbox, &api).oneshot(put("/orders/1")).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome(), api.seen().len()), (NotStoredKind::Store, Outcome::Unsent, 0));
    assert!(error.to_string().contains("not sent"), "{error}");
    let sent = service(&outbox, &api).oneshot(post("/orders")).await.unwrap();
    assert!(sent.answered().is_some(), "what has no order does not ask");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_waited_for_half_a_minute() {
    for (op, sent) in [(Op::KeyState, 0), (Op::Enqueue, 1)] {
        let store = Steered::default();
        store.set(op, Fault::Hang);
        let (outbox, api) = (Outbox::new(store), Api::statuses([503]));
        let start = tokio::time::Instant::now();
        let error = service(&outbox, &api).oneshot(put("/orders/1")).await.unwrap_err();
        assert_eq!((error.kind(), start.elapsed().as_secs()), (NotStoredKind::Store, 30));
        assert!(causes(&error).contains("did not answer in time"), "{}", causes(&error));
        assert_eq!((api.seen().len(), error.last_status().is_some()), (sent, sent == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_reported_although_the_store_fails_after_it_stored_it() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reported);
    let outbox = Outbox::builder(Failing { enqueue: false, key_state: false })
        .on_dead_letter(move |entry| seen.lock().unwrap().push(entry.clone()))
        .build()
        .unwrap();
    let sent = service(&outbox, &Api::statuses([502])).oneshot(post("/orders")).await.unwrap();
    let id = sent.ticket().unwrap().id();
    let reported = reported.lock().unwrap();
    let [entry] = &reported[..] else { panic!("reported {} times", reported.len()) };
    assert_eq!((entry.id, entry.state, entry.reason), (id, State::Dead, Some(Reason::Ambiguous)));
    assert_eq!((entry.attempts, entry.last_status.unwrap().as_u16()), (1, 502));
}

#[tokio::test(start_paused = true)]
async fn what_the_store_would_refuse_is_the_requests_fault() {
    for key in ["", "line\nbreak", &"x".repeat(256)] {
        let mut request = put("/orders/1");
        request.extensions_mut().insert(OutboxOptions::new().dedup_key(key));
        let error = Outbox::new(Steered::default()).enqueue(request).await.unwrap_err();
        assert_eq!(error.kind(), NotStoredKind::Request, "{key:?}");
    }
}

/// It belongs into an index, whose keys are bounded.
#[tokio::test(start_paused = true)]
async fn a_host_that_is_longer_than_any_name_is_the_requests_fault() {
    for (length, fits) in [(255, true), (256, false), (9_000, false)] {
        let mut request = put("/orders/1");
        *request.uri_mut() = format!("https://{}/orders", "a".repeat(length)).parse().unwrap();
        let stored = Outbox::new(Steered::default()).enqueue(request).await;
        assert_eq!(
            stored.map(drop).map_err(|error| error.kind()).err(),
            (!fits).then_some(NotStoredKind::Request)
        );
    }
}
