//! What is measured, under which names.

use std::collections::BTreeMap;

use martello_outbox::{
    Change, MemoryStore, Outbox, OutboxOptions, StoreErrorKind, WhenOvertaken, describe_metrics,
};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tokio::time::sleep;

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, broken, options, post, put, seconds, send, status, work_with},
};

/// Each measurement as `name{label=value,...}`, with its value or its values' sum.
fn measured(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let snapshot = snapshotter.snapshot().into_vec().into_iter();
    snapshot
        .map(|(key, _, _, value)| {
            let key = key.key();
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => f64::from(u32::try_from(count).unwrap()),
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(values) => values.into_iter().map(f64::from).sum(),
            };
            let name = key.name().strip_prefix("martello.outbox.").unwrap();
            (format!("{name}{{{}}}", labels.join(",")), value)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_measured_by_its_worker() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let outbox = Outbox::builder(MemoryStore::new()).queue("orders").concurrency(2).build().unwrap();
    let api = Api::answering([status(503), status(422), status(200), status(200)]).held();
    let hour = seconds(3_600);

    let worker = work_with(&outbox, &api, options().backoff(hour, hour));
    let (_again, dead) =
        (outbox.enqueue(put("/1")).await.unwrap(), outbox.enqueue(post("/2")).await.unwrap());
    sleep(seconds(1)).await;
    let first = measured(&snapshotter);
    assert_eq!((first["in_flight{queue=orders}"], first["cap{queue=orders}"]), (2.0, 2.0));
    api.release(2);
    let mut late = put("/3");
    late.extensions_mut().insert(OutboxOptions::new().delay(seconds(10)));
    let late = outbox.enqueue(late).await.unwrap();
    sleep(seconds(15)).await;
    let second = measured(&snapshotter);
    for (name, expected) in [
        ("attempts{queue=orders,outcome=unavailable}", 1.0),
        ("attempts{queue=orders,outcome=rejected}", 1.0),
        ("dead.in{queue=orders,reason=rejected}", 1.0),
        ("entries{queue=orders,state=ready}", 1.0),
        ("entries{queue=orders,state=leased}", 1.0),
        ("entries{queue=orders,state=dead}", 1.0),
        ("entries{queue=orders,state=done}", 0.0),
        // The recorder sets a gauge back to zero when it is looked at: two ended, one began.
        ("in_flight{queue=orders}", -1.0),
    ] {
        assert_eq!(second.get(name), Some(&expected), "{name} of {second:#?}");
    }
    assert!(second["pickup.duration{queue=orders}"] < 0.1);

    outbox.store().change(dead.id(), Change::Replay(WhenOvertaken::Refuse)).await.unwrap();
    api.release(2);
    late.ended().await.unwrap();
    sleep(seconds(20)).await;
    drop(worker);
    let third = measured(&snapshotter);
    assert_eq!(third["dead.out{queue=orders}"], 1.0);
    assert_eq!(third["attempts{queue=orders,outcome=success}"], 2.0);
    let took = third["delivery.duration{queue=orders}"];
    assert!((30.0..32.0).contains(&took), "16 s and 15 s from their being stored: {took}");
}

#[tokio::test(start_paused = true)]
async fn age_and_loss_are_measured() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    describe_metrics();
    let memory = MemoryStore::new();
    let cut_off = Steered::over(memory.clone());
    let (outbox, other) = (Outbox::new(cut_off.clone()), Outbox::new(memory));
    assert!(send(&outbox, &Api::answering([broken()]), post("/orders")).await.ticket().is_some());
    assert_eq!(measured(&snapshotter)["dead.in{queue=default,reason=ambiguous}"], 1.0);

    let api = Api::statuses([]).held();
    outbox.enqueue(put("/orders/1")).await.unwrap();
    let lease = || options().lease(seconds(9)).attempt_timeout(seconds(8));
    let _worker = work_with(&outbox, &api, lease());
    sleep(seconds(5)).await;
    for op in [Op::Turn, Op::Heartbeat] {
        cut_off.set(op, Fault::Fail(StoreErrorKind::Unavailable));
    }
    api.release(2);
    sleep(seconds(5)).await;
    let _other = work_with(&other, &api, lease());
    sleep(seconds(5)).await;
    for op in [Op::Turn, Op::Heartbeat] {
        cut_off.heal(op);
    }
    sleep(seconds(9)).await;
    let now = measured(&snapshotter);
    assert_eq!((now["lost_leases{queue=default}"], now["fenced{queue=default}"]), (1.0, 1.0));

    other.store().pause(other.queue(), "to see it wait").await.unwrap();
    other.enqueue(put("/orders/2")).await.unwrap();
    sleep(seconds(100)).await;
    let waits = measured(&snapshotter)["oldest_due{queue=default}"];
    assert!((80.0..=100.0).contains(&waits), "{waits}");
}
