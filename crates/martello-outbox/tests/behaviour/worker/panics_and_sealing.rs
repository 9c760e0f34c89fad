//! Panics in the user's code, sealed bodies and the hook for dead letters.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use martello_outbox::{
    Change, EntryId, MemoryStore, Outbox, OutboxOptions, Reason, Sealing, State, WhenOvertaken,
};
use martello_outcome::Outcome;
use tokio::time::sleep;

use crate::{
    captured_logs::{capture, errors},
    support::{Api, detail, enqueued, options, post, put, seconds, settled, status, work, work_with},
};

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_ambiguous_attempt_and_the_worker_goes_on() {
    let outbox = Outbox::new(MemoryStore::new());
    let hour = seconds(3_600);
    let api = Api::with(|seen| async move {
        assert!(seen.path == "/orders/9", "the user's code is at fault");
        status(200)
    });
    let worker = work_with(&outbox, &api, options().backoff(hour, hour));
    let (again, dead) = (enqueued(&outbox, put("/orders/1")).await, enqueued(&outbox, post("/orders")).await);
    let again = settled(&outbox, again, 1).await;
    let dead = settled(&outbox, dead, 1).await;
    assert_eq!((again.entry.state, again.entry.tries), (State::Ready, 1));
    assert_eq!((dead.entry.state, dead.entry.reason), (State::Dead, Some(Reason::Ambiguous)));
    let attempt = &dead.attempts[0];
    assert_eq!(attempt.outcome, Outcome::Ambiguous);
    assert!(attempt.fault.as_ref().unwrap().contains("the user's code is at fault"), "{attempt:?}");
    let other = outbox.enqueue(put("/orders/9")).await.unwrap();
    assert_eq!(other.ended().await.unwrap().state, State::Done);
    assert!(worker.health().is_healthy());
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_always_panics_becomes_a_dead_letter() {
    let outbox = Outbox::builder(MemoryStore::new()).max_attempts(3).build().unwrap();
    let api = Api::with(|_| async { panic!("always") });
    let _worker = work(&outbox, &api);
    let entry = outbox.enqueue(put("/orders/1")).await.unwrap().ended().await.unwrap();
    assert_eq!((entry.reason, entry.attempts), (Some(Reason::Exhausted), 3));
}

fn sealing(open: fn(EntryId, Bytes) -> Result<Bytes, martello_outcome::BoxError>) -> Sealing {
    Sealing::new(|_, body| Ok([b"sealed ".as_slice(), &body].concat().into()), open)
}

#[tokio::test(start_paused = true)]
async fn a_sealed_body_is_opened_and_sent() {
    let sealing = sealing(|_, body| Ok(body.slice(7..)));
    let outbox = Outbox::builder(MemoryStore::new()).sealing(sealing).build().unwrap();
    let api = Api::statuses([]);
    let _worker = work(&outbox, &api);
    outbox.enqueue(put("/orders/1")).await.unwrap().ended().await.unwrap();
    assert_eq!(api.seen()[0].body.as_deref(), Some("{}"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_opened_is_a_dead_letter_and_never_sent() {
    let sealing = sealing(|_, _| Err("another key".into()));
    let outbox = Outbox::builder(MemoryStore::new()).sealing(sealing).build().unwrap();
    let api = Api::statuses([]);
    let worker = work(&outbox, &api);
    for order in 0..10 {
        let ticket = outbox.enqueue(put(&format!("/orders/{order}"))).await.unwrap();
        assert_eq!(ticket.ended().await.unwrap().reason, Some(Reason::Rejected));
        let fault = detail(&outbox, ticket.id()).await.attempts[0].fault.clone().unwrap();
        assert!(fault.contains("cannot be opened") && fault.contains("another key"), "{fault}");
    }
    assert_eq!((api.seen().len(), worker.health().failures_in_row), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_a_sealing_gives_sealed_entries_back() {
    let store = MemoryStore::new();
    let sealed =
        Outbox::builder(store.clone()).sealing(sealing(|_, body| Ok(body.slice(7..)))).build().unwrap();
    let plain = Outbox::new(store);
    let api = Api::statuses([]);
    capture();
    let worker = work(&plain, &api);
    let ticket = sealed.enqueue(put("/orders/1")).await.unwrap();
    sleep(seconds(5)).await;
    let detail = detail(&plain, ticket.id()).await;
    let entry = detail.entry;
    assert_eq!((entry.state, entry.attempts, entry.tries, detail.attempts.len()), (State::Ready, 0, 0, 0));
    assert_eq!((api.seen().len(), worker.health().failures_in_row), (0, 0));
    let given_back = worker.health().given_back;
    assert!((3..=12).contains(&given_back), "it rests for longer and longer: {given_back}");
    assert_eq!(plain.store().queues().await.unwrap().remove(0).holds, Vec::new(), "the API is not at fault");
    let [error] = errors().try_into().unwrap();
    assert!(format!("{error:?}").contains("no sealing"), "{error:?}");
    drop(worker);
    let _able = work(&sealed, &api);
    assert_eq!(ticket.ended().await.unwrap().state, State::Done);
}

#[tokio::test(start_paused = true)]
async fn the_hook_is_called_once_per_dead_letter_and_its_panic_is_caught() {
    let called_with = Arc::new(Mutex::new(Vec::new()));
    let records = Arc::clone(&called_with);
    let outbox = Outbox::builder(MemoryStore::new())
        .max_attempts(1)
        .on_dead_letter(move |entry| {
            assert_eq!(entry.state, State::Dead);
            records.lock().unwrap().push((
                entry.uri.path().to_owned(),
                entry.reason.unwrap(),
                entry.last_status,
            ));
            panic!("a hook of little worth");
        })
        .build()
        .unwrap();
    let api = Api::with(|seen| async move { status(if seen.path == "/orders/1" { 422 } else { 503 }) });
    let worker = work(&outbox, &api);
    for path in ["/orders/1", "/orders/2"] {
        outbox.enqueue(put(path)).await.unwrap().ended().await.unwrap();
    }
    let mut late = put("/orders/3");
    late.extensions_mut().insert(OutboxOptions::new().expires_in(seconds(5)).delay(seconds(9)));
    outbox.enqueue(late).await.unwrap().ended().await.unwrap();
    sleep(seconds(1)).await;
    let status = |status: u16| Some(http::StatusCode::from_u16(status).unwrap());
    assert_eq!(
        *called_with.lock().unwrap(),
        [
            ("/orders/1".to_owned(), Reason::Rejected, status(422)),
            ("/orders/2".to_owned(), Reason::Exhausted, status(503)),
            ("/orders/3".to_owned(), Reason::Expired, None),
        ]
    );
    assert!(worker.health().is_healthy());
}

#[tokio::test(start_paused = true)]
async fn more_expired_entries_than_fit_into_a_turn_all_become_dead_letters() {
    let outbox = Outbox::builder(MemoryStore::new()).expires_in(seconds(5)).build().unwrap();
    outbox.store().pause(outbox.queue(), "for the test").await.unwrap();
    for order in 0..350 {
        enqueued(&outbox, post(&format!("/orders/{order}"))).await;
    }
    let api = Api::statuses([]);
    let worker = work(&outbox, &api);
    sleep(Duration::from_millis(5_100)).await;
    assert_eq!((worker.health().dead_letters(Reason::Expired), api.seen().len()), (350, 0));
}

#[tokio::test(start_paused = true)]
async fn the_attempt_numbers_of_a_replayed_entry_continue() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([422, 200]);
    let _worker = work(&outbox, &api);
    let ticket = outbox.enqueue(put("/orders/1")).await.unwrap();
    ticket.ended().await.unwrap();
    outbox.store().change(ticket.id(), Change::Replay(WhenOvertaken::Refuse)).await.unwrap();
    assert_eq!(ticket.ended().await.unwrap().state, State::Done);
    let attempts = detail(&outbox, ticket.id()).await.attempts;
    assert_eq!(attempts.iter().map(|each| each.number).collect::<Vec<_>>(), [1, 2]);
    let keys: Vec<_> = api.seen().iter().map(|seen| seen.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys[0], keys[1]);
}
