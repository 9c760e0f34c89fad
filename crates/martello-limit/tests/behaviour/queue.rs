//! The order of waiting requests, and how a wait ends.

use http::Request;
use martello_limit::ConcurrencyLimitLayer;
use martello_outcome::{CallNotes, ErrorKind, Outcome, Queued};
use martello_testkit::ScriptedBody;
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok};

use crate::support::{answered, call, failure, get, limit, limited, seconds, unread, waiting};

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    let (service, mut api) = limited(&limit(1));
    let mut holder = answered(&service, &mut api);
    let mut queue: Vec<_> = (0..4).map(|_| get(&service)).collect();
    // The order of the calls counts, not that of the polls.
    for call in queue.iter_mut().rev() {
        assert_pending!(call.poll());
    }
    while !queue.is_empty() {
        drop(holder);
        let woken: Vec<_> = queue.iter().map(tokio_test::task::Spawn::is_woken).collect();
        assert!(woken[0] && !woken[1..].contains(&true), "{woken:?}");
        let mut first = queue.remove(0);
        assert_pending!(first.poll());
        api.answer(unread());
        holder = assert_ready_ok!(first.poll());
    }
}

#[tokio::test(start_paused = true)]
async fn a_later_request_does_not_overtake_one_that_was_granted_a_permit() {
    let (service, mut api) = limited(&limit(1));
    let holder = answered(&service, &mut api);
    let mut first = waiting(&service);
    drop(holder);
    let mut newcomer = waiting(&service);
    assert_pending!(first.poll());
    api.next();
    assert_pending!(newcomer.poll());
    api.assert_idle();
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_dropped_leaves_the_queue() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let holder = answered(&service, &mut api);
    let (first, second, third) = (waiting(&service), waiting(&service), waiting(&service));
    drop(second);
    assert_eq!(layer.usage().waiting, 2);
    drop(first);
    drop(holder);
    assert!(third.is_woken());
    assert_eq!(layer.usage().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_dropped_after_its_grant_passes_the_permit_on() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let holder = answered(&service, &mut api);
    let (first, second) = (waiting(&service), waiting(&service));
    drop(holder);
    assert!(first.is_woken() && !second.is_woken());
    drop(first);
    assert!(second.is_woken());
    drop(second);
    assert_eq!((layer.usage().in_flight, layer.usage().waiting), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_never_polled_leaves_the_queue() {
    let layer = limit(1);
    let (service, mut api) = limited(&layer);
    let _holder = answered(&service, &mut api);
    let unpolled = get(&service);
    assert_eq!(layer.usage().waiting, 1);
    drop(unpolled);
    assert_eq!(layer.usage().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn the_latest_waker_is_the_one_that_is_woken() {
    let (service, mut api) = limited(&limit(1));
    let holder = answered(&service, &mut api);
    let mut moved = tokio_test::task::spawn(waiting(&service));
    assert_pending!(moved.poll());
    drop(holder);
    assert!(moved.is_woken());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_the_next_request_at_once() {
    let layer = ConcurrencyLimitLayer::builder().permits(2).max_waiting(1).build().unwrap();
    let (service, mut api) = limited(&layer);
    let _holders = [answered(&service, &mut api), answered(&service, &mut api)];
    let _waits = waiting(&service);
    tokio::time::advance(seconds(7)).await;
    let mut call = get(&service);
    let error = assert_ready_err!(call.poll());
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::LimitFull, Outcome::Unsent));
    assert_eq!(
        error.to_string(),
        "the concurrency limit's queue is full: 1 request waits; permits held: 2 of 2, 2 of them by unread \
         response bodies, the oldest for at least 7s; read each response body to its end, or drop it"
    );
    assert_pending!(call.poll(), "it has ended");
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_if_none_may() {
    let layer = ConcurrencyLimitLayer::builder().permits(1).max_waiting(0).build().unwrap();
    let (service, mut api) = limited(&layer);
    let holder = answered(&service, &mut api);
    assert_eq!(failure(get(&service)).await.kind(), ErrorKind::LimitFull);
    drop(holder);
    drop(answered(&service, &mut api));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_takes_too_long_reports_unread_bodies() {
    let layer = ConcurrencyLimitLayer::default();
    let (service, mut api) = limited(&layer);
    let _streaming: Vec<_> = (0..4).map(|_| answered(&service, &mut api)).collect();
    let _without_head = get(&service);
    let started = tokio::time::Instant::now();
    let error = failure(waiting(&service)).await;
    assert_eq!(started.elapsed().as_secs(), 30);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::LimitWaitTimeout, Outcome::Unsent));
    assert_eq!(
        error.to_string(),
        "no permit became free within 30s; permits held: 5 of 5, 4 of them by unread response bodies, the oldest \
         for at least 30s; read each response body to its end, or drop it"
    );
    assert_eq!(layer.usage().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_begins_while_a_request_waits_counts_from_then() {
    let (service, mut api) = limited(&limit(1));
    let mut slow = get(&service);
    let late = waiting(&service);
    tokio::time::advance(seconds(10)).await;
    api.answer(unread());
    let _response = assert_ready_ok!(slow.poll());
    let error = failure(late).await;
    assert!(error.to_string().contains("the oldest for at least 20s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_not_reported_as_unread_bodies() {
    let (service, _api) = limited(&limit(1));
    let _slow = get(&service);
    let error = failure(waiting(&service)).await;
    assert!(
        error.to_string().ends_with("permits held: 1 of 1, none of them by an unread response body"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_comes_with_the_timeout_is_taken() {
    let (service, mut api) = limited(&limit(1));
    let holder = answered(&service, &mut api);
    let mut late = waiting(&service);
    tokio::time::advance(seconds(31)).await;
    drop(holder);
    assert_pending!(late.poll());
    api.answer(ScriptedBody::new());
    assert_ready_ok!(late.poll());
}

#[tokio::test(start_paused = true)]
async fn the_notes_of_a_call_record_how_long_it_waited() {
    let (service, mut api) = limited(&limit(1));
    let noted = || {
        let notes = CallNotes::default();
        (notes.clone(), Request::builder().extension(notes).body(()).unwrap())
    };
    let (at_once, request) = noted();
    let mut first = call(&service, request);
    api.answer(unread());
    let holder = assert_ready_ok!(first.poll());

    let [(served, one), (dropped, two)] = [noted(), noted()];
    let mut first = call(&service, one);
    let second = call(&service, two);
    assert_pending!(first.poll());
    tokio::time::advance(seconds(2)).await;
    drop(second);
    tokio::time::advance(seconds(1)).await;
    drop(holder);
    assert_pending!(first.poll());
    tokio::time::advance(seconds(4)).await;
    api.answer(unread());
    assert_ready_ok!(first.poll());

    let waits = [at_once, served, dropped].map(|notes| notes.permit_wait().as_secs());
    assert_eq!(waits, [0, 3, 2]);
}

#[tokio::test(start_paused = true)]
async fn layers_outside_can_tell_that_a_request_is_queued() {
    let (service, mut api) = limited(&limit(1));
    let holder = answered(&service, &mut api);
    let mut late = get(&service);
    assert!(Queued::observe(|| late.poll()).1);
    drop(holder);
    assert!(!Queued::observe(|| late.poll()).1);
}
