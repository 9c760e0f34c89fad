//! All processes together never exceed five requests in flight, whichever process is killed.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join3;
use http::Request;
use martello::{
    Body, Outbox,
    outbox::{OutboxOptions, QueueStats, Store},
};

use crate::{
    fixture::Fixture,
    process_config::Role,
    settings::{print, seed},
    test_store::{TestStore, in_a_file, in_a_schema},
};

const WORKERS: usize = 4;
const CAP: usize = 5;
const RESTARTS: usize = 16;

/// At least this many entries are ready, so that five are in flight whenever the limit allows it.
const BACKLOG: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_never_have_more_than_five_in_flight_from_a_file() {
    in_a_file(concurrency).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn four_workers_never_have_more_than_five_in_flight_from_a_schema() {
    in_a_schema(concurrency).await;
}

async fn concurrency(test_store: TestStore) {
    let engine = test_store.engine();
    let seed = seed();
    print(&format!(
        "concurrency test on {engine}: {RESTARTS} workers are killed or restarted, MARTELLO_TEST_SEED={seed}"
    ));
    let mut fixture = Fixture::new(test_store, CAP, 5..40, seed).await;
    for _ in 0..WORKERS {
        fixture.spawn(Role::Worker);
    }
    let (outbox, uri) = (fixture.outbox().await, fixture.server.uri("/orders"));
    let over = AtomicBool::new(false);
    let (leased, _, ()) = join3(most_leased(outbox.store(), &over), feed(&outbox, &uri, &over), async {
        for _ in 0..RESTARTS {
            tokio::time::sleep(Duration::from_millis(fixture.random.u64(300..1_000))).await;
            if fixture.random.bool() {
                fixture.kill_busy();
            } else {
                // The first in the list has run for longest.
                fixture.children.remove(0).shut_down().await;
            }
            fixture.spawn(Role::Worker);
        }
        over.store(true, Ordering::SeqCst);
    })
    .await;
    let summary = fixture.end(outbox.store()).await;

    let in_flight = fixture.server.most_in_flight();
    print(&format!(
        "concurrency test on {engine}: at most {leased} leased, {in_flight} in flight; {summary}"
    ));
    summary.assert_right();
    // A lower number would mean that the run never reached the limit.
    assert_eq!((leased, in_flight), (CAP as u64, CAP));
}

/// Polls how many entries are leased, and returns the highest number.
async fn most_leased(store: &dyn Store, over: &AtomicBool) -> u64 {
    let mut most = 0;
    while !over.load(Ordering::SeqCst) {
        most = most.max(sum(&store.queues().await.unwrap(), |queue| queue.leased));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    most
}

/// Enqueues requests so that `BACKLOG` entries are always ready.
async fn feed(outbox: &Outbox, uri: &http::Uri, over: &AtomicBool) {
    while !over.load(Ordering::SeqCst) {
        let ready = sum(&outbox.store().queues().await.unwrap(), |queue| queue.ready);
        for _ in ready..BACKLOG {
            let request = Request::put(uri).extension(OutboxOptions::new().unordered());
            outbox.enqueue(request.body(Body::from("{}")).unwrap()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn sum(queues: &[QueueStats], what: impl Fn(&QueueStats) -> u64) -> u64 {
    queues.iter().map(what).sum()
}
