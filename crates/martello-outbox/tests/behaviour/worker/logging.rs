//! The worker's log events.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use martello_outbox::{Outbox, State, StoreErrorKind};
use tokio::time::sleep;
use tracing::Level;

use crate::{
    captured_logs::{CapturedEvent, capture, events},
    steered::{Fault, Op, Steered},
    support::{Api, enqueued, options, put, seconds, status, work, work_with},
};

fn levels(events: &[CapturedEvent]) -> Vec<Level> {
    events.iter().map(|event| event.level).collect()
}

#[tokio::test(start_paused = true)]
async fn a_store_outage_and_its_end_are_logged_once() {
    capture();
    let store = Steered::default();
    let worker = work(&Outbox::new(store.clone()), &Api::statuses([]));
    let down = || events("the store failed to run a worker turn");
    let back = || events("the store can run a worker turn again");
    for outage in 1..=2 {
        sleep(seconds(30)).await;
        assert_eq!((down().len(), back().len()), (outage - 1, outage - 1));
        let before = worker.health().store_failures;
        store.set(Op::Turn, Fault::Fail(StoreErrorKind::Unavailable));
        sleep(seconds(120)).await;
        assert_eq!((down().len(), back().len()), (outage, outage - 1));
        store.heal(Op::Turn);
        sleep(seconds(30)).await;
        let failures = worker.health().store_failures - before;
        assert!(failures > 20, "{failures}");
        assert_eq!(back().last().unwrap().field("failures"), Some(&*failures.to_string()));
    }
    assert_eq!((levels(&down()), levels(&back())), (vec![Level::WARN; 2], vec![Level::INFO; 2]));
    assert_eq!(down()[0].field("exception.message"), Some("the store is being tested"));
}

#[tokio::test(start_paused = true)]
async fn a_failing_prune_is_logged_once() {
    capture();
    let store = Steered::default();
    store.set(Op::Prune, Fault::Fail(StoreErrorKind::Internal));
    let worker = work(&Outbox::new(store.clone()), &Api::statuses([]));
    sleep(seconds(600)).await;
    let tries = store.calls(Op::Prune);
    assert!((8..=14).contains(&tries), "{tries}");
    assert_eq!(worker.health().store_failures, u64::try_from(tries).unwrap());
    assert_eq!(events("the store failed to prune old entries").len(), 1);
    store.heal(Op::Prune);
    sleep(seconds(600)).await;
    let back = events("the store can prune old entries again");
    assert_eq!(back.len(), 1);
    assert_eq!(back[0].field("failures"), Some(&*tries.to_string()));
}

/// One settlement may always fail, and must not block the rest of the queue.
#[tokio::test(start_paused = true)]
async fn rejected_settlements_are_dropped_with_their_leases_and_logged() {
    for (kind, expected) in [(StoreErrorKind::Internal, vec!["2"]), (StoreErrorKind::Unavailable, vec![])] {
        capture();
        let store = Steered::default();
        let outbox = Outbox::new(store.clone());
        let api = Api::statuses([]).held();
        let worker = work(&outbox, &api);
        let ids = [enqueued(&outbox, put("/orders/1")).await, enqueued(&outbox, put("/orders/2")).await];
        sleep(seconds(1)).await;
        store.set(Op::Turn, Fault::Fail(kind));
        api.release(4);
        sleep(seconds(120)).await;
        let events = events("the store rejected settlements until their leases expired");
        let dropped: Vec<_> = events.iter().map(|event| event.field("dropped").unwrap()).collect();
        assert_eq!(dropped, expected, "{kind:?}");
        store.heal(Op::Turn);
        for id in ids {
            assert_eq!(outbox.ticket(id).ended().await.unwrap().state, State::Done);
        }
        let sent = 2 + 2 * usize::from(!dropped.is_empty());
        assert_eq!((api.seen().len(), worker.health().delivered), (sent, 2), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_stops_with_unsettled_deliveries_logs_how_many() {
    let left = || events("stopped before the store had settled all its deliveries");
    for (hangs, expected) in [(true, vec!["2"]), (false, vec![])] {
        capture();
        let store = Steered::default();
        let outbox = Outbox::new(store.clone());
        let worker = work_with(&outbox, &Api::statuses([]).held(), options().grace(seconds(3)));
        for order in 0..2 {
            enqueued(&outbox, put(&format!("/orders/{order}"))).await;
        }
        sleep(seconds(1)).await;
        if hangs {
            store.set(Op::Turn, Fault::Hang);
        }
        worker.shutdown().await;
        let events = left();
        assert_eq!(
            events.iter().map(|event| event.field("unsettled").unwrap()).collect::<Vec<_>>(),
            expected
        );
        assert!(events.iter().all(|event| event.level == Level::WARN));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_and_its_end_are_logged_when_the_store_has_applied_them() {
    capture();
    let store = Steered::default();
    let outbox = Outbox::new(store.clone());
    let up = Arc::new(AtomicBool::new(false));
    let is_up = up.clone();
    let api = Api::with(move |_| {
        let up = is_up.load(Ordering::SeqCst);
        async move {
            sleep(seconds(5)).await;
            status(if up { 200 } else { 503 })
        }
    });
    let _worker = work_with(&outbox, &api, options().hold_after(1));
    let held = || events("the worker holds an authority");
    let ended = || events("the worker ended the hold of an authority");
    enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(2)).await;
    store.set(Op::Turn, Fault::Fail(StoreErrorKind::Unavailable));
    sleep(seconds(10)).await;
    assert_eq!((api.seen().len(), held().len()), (1, 0));
    store.heal(Op::Turn);
    sleep(seconds(2)).await;
    assert_eq!((levels(&held()), ended().len()), (vec![Level::WARN], 0));
    assert_eq!(held()[0].field("authority"), Some("api.example"));

    up.store(true, Ordering::SeqCst);
    sleep(seconds(5)).await;
    assert_eq!(ended().len(), 0, "the probe is under way");
    sleep(seconds(120)).await;
    assert_eq!(levels(&ended()), [Level::INFO]);
    assert_eq!(ended()[0].field("authority"), Some("api.example"));
}
