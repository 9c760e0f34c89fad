//! A dead letter that a newer write of its key has overtaken is not replayed over it.

use martello_outbox::{Change, EntryId, Outbox, Overtaken, StoreErrorKind, WhenOvertaken};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{
    captured_logs::{capture, errors},
    steered::{Fault, Op, Steered},
    support::{Api, broken, put, seconds, send, service, settled, status, work},
};

const KEY: &str = "/orders/1";

/// An outbox with a dead letter of the key: its API understood and would not.
async fn with_a_dead_letter() -> (Outbox, EntryId) {
    with_a_dead_letter_in(Steered::default()).await
}

async fn with_a_dead_letter_in(store: Steered) -> (Outbox, EntryId) {
    let outbox = Outbox::new(store);
    let api = Api::statuses([503, 422]);
    let id = send(&outbox, &api, put(KEY)).await.ticket().unwrap().id();
    let worker = work(&outbox, &api);
    settled(&outbox, id, 2).await;
    worker.shutdown().await;
    (outbox, id)
}

async fn replay_is_refused(outbox: &Outbox, id: EntryId) -> bool {
    match outbox.store().change(id, Change::Replay(WhenOvertaken::Refuse)).await {
        Ok(_) => false,
        Err(error) => error.kind() == StoreErrorKind::Conflict,
    }
}

#[tokio::test(start_paused = true)]
async fn by_a_call_that_was_delivered_at_once() {
    let (outbox, dead) = with_a_dead_letter().await;
    assert!(send(&outbox, &Api::statuses([]), put(KEY)).await.answered().is_some());
    assert!(replay_is_refused(&outbox, dead).await, "it would overwrite what was written since");
}

#[tokio::test(start_paused = true)]
async fn perhaps_by_a_call_whose_answer_was_lost() {
    for answer in [broken(), status(504)] {
        let (outbox, dead) = with_a_dead_letter().await;
        send(&outbox, &Api::answering([answer]), put(KEY)).await;
        assert!(replay_is_refused(&outbox, dead).await, "the API may hold what is newer");
    }
}

/// Whoever has the answer may rely on the mark.
#[tokio::test(start_paused = true)]
async fn the_mark_is_there_before_the_answer() {
    let store = Steered::default();
    let (outbox, dead) = with_a_dead_letter_in(store.clone()).await;
    store.set(Op::Overtake, Fault::Late(seconds(9)));
    let start = Instant::now();
    assert!(send(&outbox, &Api::statuses([]), put(KEY)).await.answered().is_some());
    assert_eq!(start.elapsed().as_secs(), 9);
    let marked = outbox.store().entry(dead).await.unwrap().unwrap().overtaken;
    assert_eq!(marked, Some(Overtaken::Certainly));
}

#[tokio::test(start_paused = true)]
async fn the_answer_stands_where_the_mark_fails() {
    for (fault, seconds) in [(Fault::Fail(StoreErrorKind::Unavailable), 0), (Fault::Hang, 30)] {
        let store = Steered::default();
        let (outbox, _) = with_a_dead_letter_in(store.clone()).await;
        capture();
        for (answer, is_delivered) in [(200, true), (504, false)] {
            store.set(Op::Overtake, fault);
            let start = Instant::now();
            let sent = send(&outbox, &Api::statuses([answer]), put(KEY)).await;
            assert_eq!(sent.answered().is_some(), is_delivered);
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
        let errors = errors();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors.iter().all(|error| error.message().contains("could not be marked")), "{errors:?}");
    }
}

/// A key without dead letters costs no mark, and neither does what was not processed.
#[tokio::test(start_paused = true)]
async fn the_store_is_called_only_if_the_key_has_dead_letters() {
    let store = Steered::default();
    let (outbox, _) = with_a_dead_letter_in(store.clone()).await;
    send(&outbox, &Api::statuses([422]), put(KEY)).await;
    send(&outbox, &Api::statuses([]), put("/orders/2")).await;
    assert_eq!(store.calls(Op::Overtake), 0);
    send(&outbox, &Api::statuses([]), put(KEY)).await;
    assert_eq!(store.calls(Op::Overtake), 1);
}

/// The documented gap: a dropped call may have been processed, and does not mark the dead letters.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_marks_nothing() {
    let (outbox, dead) = with_a_dead_letter().await;
    let api = Api::statuses([]).held();
    let call = service(&outbox, &api).oneshot(put(KEY));
    assert!(tokio::time::timeout(seconds(1), call).await.is_err());
    assert_eq!((api.seen().len(), replay_is_refused(&outbox, dead).await), (1, false));
}

#[tokio::test(start_paused = true)]
async fn not_by_a_call_that_the_api_has_not_processed() {
    for answer in [422, 503] {
        let (outbox, dead) = with_a_dead_letter().await;
        send(&outbox, &Api::statuses([answer]), put(KEY)).await;
        assert!(!replay_is_refused(&outbox, dead).await, "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn nor_by_one_of_another_key() {
    let (outbox, dead) = with_a_dead_letter().await;
    send(&outbox, &Api::statuses([]), put("/orders/2")).await;
    assert!(!replay_is_refused(&outbox, dead).await);
}

#[tokio::test(start_paused = true)]
async fn by_an_entry_that_a_worker_delivered_also_once_that_is_pruned() {
    let (outbox, dead) = with_a_dead_letter().await;
    let newer = outbox.enqueue(put(KEY)).await.unwrap().id();
    let worker = work(&outbox, &Api::statuses([]));
    settled(&outbox, newer, 1).await;
    worker.shutdown().await;
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    assert_eq!(outbox.store().prune(std::time::Duration::ZERO, 10).await.unwrap(), 1);
    assert!(replay_is_refused(&outbox, dead).await, "the API holds what is newer still");
}

#[tokio::test(start_paused = true)]
async fn perhaps_by_an_entry_that_a_worker_has() {
    let (outbox, dead) = with_a_dead_letter().await;
    outbox.enqueue(put(KEY)).await.unwrap();
    let api = Api::statuses([]).held();
    let _worker = work(&outbox, &api);
    while api.seen().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert!(replay_is_refused(&outbox, dead).await, "it would be delivered after what is newer");
}
