//! The worker wakes up for new and due entries, and does not spin.

use std::{future::pending, time::Duration};

use martello_outbox::{MemoryStore, Outbox, OutboxOptions};
use tokio::time::{Instant, sleep};
use tokio_test::task;

use crate::{
    steered::{Fault, Op, Steered},
    support::{Api, enqueued, options, post, put, seconds, woken_at_most, work_with},
};

const AT_ONCE: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn a_new_entry_is_sent_at_once() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]);
    let _worker = work_with(&outbox, &api, options().poll_every(seconds(60)));
    sleep(seconds(7)).await;
    let stored = Instant::now();
    outbox.enqueue(put("/orders/1")).await.unwrap().ended().await.unwrap();
    assert!(api.seen()[0].at - stored < AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_entry_is_sent_when_it_is_due() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]);
    let _worker = work_with(&outbox, &api, options().poll_every(seconds(60)));
    let mut request = put("/orders/1");
    request.extensions_mut().insert(OutboxOptions::new().delay(seconds(13)));
    let stored = Instant::now();
    outbox.enqueue(request).await.unwrap().ended().await.unwrap();
    let after = api.seen()[0].at - stored;
    assert!(after >= seconds(13) && after < seconds(13) + AT_ONCE, "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn an_entry_stored_during_a_turn_is_not_overlooked() {
    let store = Steered::default();
    store.set(Op::Turn, Fault::Late(seconds(1)));
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]);
    let _worker = work_with(&outbox, &api, options().poll_every(seconds(60)));
    sleep(Duration::from_millis(500)).await;
    assert_eq!(store.calls(Op::Turn), 1);
    let stored = Instant::now();
    // The running turn has not seen it.
    outbox.enqueue(put("/orders/1")).await.unwrap().ended().await.unwrap();
    assert!(api.seen()[0].at - stored < seconds(2), "{:?}", api.seen()[0].at - stored);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_notify_is_polled() {
    let store = Steered::deaf(MemoryStore::new());
    let outbox = Outbox::new(store.clone());
    let api = Api::statuses([]);
    let _worker = work_with(&outbox, &api, options().poll_every(seconds(5)));
    sleep(seconds(61)).await;
    assert!((12..=14).contains(&store.calls(Op::Turn)), "{}", store.calls(Op::Turn));
    let stored = Instant::now();
    enqueued(&outbox, put("/orders/1")).await;
    sleep(seconds(6)).await;
    assert!(api.seen()[0].at - stored <= seconds(5));
}

/// A loop that never waits blocks the other tasks of its runtime and uses a whole core.
#[tokio::test(start_paused = true)]
async fn a_worker_that_waits_for_its_store_does_not_spin() {
    for op in [Op::Turn, Op::Heartbeat, Op::Prune] {
        let store = Steered::default();
        let outbox = Outbox::new(store.clone());
        let api = Api::with(|_| async { crate::support::status(429) }).held();
        for order in 0..5 {
            enqueued(&outbox, post(&format!("/orders/{order}"))).await;
        }
        let worker = outbox.worker(api.service()).with_options(options().build().unwrap());
        let mut worker = task::spawn(worker.run_until(pending::<()>()));
        let mut step = async |what: &str| {
            for _ in 0..1_000 {
                assert!(worker.poll().is_pending());
                // Its deliveries are tasks of the runtime.
                tokio::task::yield_now().await;
                if !worker.is_woken() {
                    return;
                }
            }
            panic!("the worker turns without a pause while it waits for {op:?}: {what}");
        };
        step("at the start").await;
        store.set(op, Fault::Hang);
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(1_010)).await;
            step("in flight").await;
        }
        api.release(5);
        step("at the end").await;
        tokio::time::advance(seconds(1)).await;
        step("after that").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_drain_lets_the_other_tasks_run() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::statuses([]);
    for order in 0..300 {
        enqueued(&outbox, post(&format!("/orders/{order}"))).await;
    }
    let _worker = work_with(&outbox, &api, options());
    let (mut seen, mut most) = (0, 0);
    while seen < 300 {
        tokio::task::yield_now().await;
        most = most.max(api.seen().len() - seen);
        seen = api.seen().len();
    }
    assert!(most <= 10, "{most} deliveries went by between two turns of another task");
}

/// The suggestion may be wrong, for example when another worker was faster.
#[tokio::test(start_paused = true)]
async fn a_store_that_always_suggests_now_is_not_asked_without_a_pause() {
    let store = Steered::default();
    store.always_next(Duration::ZERO);
    let outbox = Outbox::new(store.clone());
    let worker = outbox.worker(Api::statuses([]).service()).with_options(options().build().unwrap());
    woken_at_most(2_000, worker.run_until(sleep(seconds(1)))).await;
    let calls = store.calls(Op::Turn);
    assert!((50..=250).contains(&calls), "every 5 ms at most: {calls}");
}

/// The store's clock may be wrong.
#[tokio::test(start_paused = true)]
async fn a_store_that_suggests_much_later_is_polled_all_the_same() {
    let store = Steered::deaf(MemoryStore::new());
    store.always_next(seconds(24 * 3_600));
    let _worker =
        work_with(&Outbox::new(store.clone()), &Api::statuses([]), options().poll_every(seconds(5)));
    sleep(seconds(61)).await;
    assert!((12..=14).contains(&store.calls(Op::Turn)), "{}", store.calls(Op::Turn));
}
