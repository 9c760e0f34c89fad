//! Never more than five, over all processes, whoever dies.

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
    ground::{Ground, in_a_file, in_a_schema},
    part::Role,
    settings::{seed, tell},
    stage::Stage,
};

const WORKERS: usize = 4;
const CAP: usize = 5;
const RESTARTS: usize = 16;

/// As many wait at least: enough for five to be in flight whenever they may.
const BACKLOG: u64 = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_workers_never_have_more_than_five_in_flight_from_a_file() {
    in_a_file(fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn four_workers_never_have_more_than_five_in_flight_from_a_schema() {
    in_a_schema(fleet).await;
}

async fn fleet(ground: Ground) {
    let engine = ground.engine();
    let seed = seed();
    tell(&format!(
        "fleet on {engine}: {RESTARTS} workers are killed or restarted, MARTELLO_TEST_SEED={seed}"
    ));
    let mut stage = Stage::new(ground, CAP, 5..40, seed).await;
    for _ in 0..WORKERS {
        stage.enter(Role::Worker);
    }
    let (outbox, uri) = (stage.outbox().await, stage.server.uri("/orders"));
    let over = AtomicBool::new(false);
    let (leased, _, ()) = join3(most_leased(outbox.store(), &over), feed(&outbox, &uri, &over), async {
        for _ in 0..RESTARTS {
            tokio::time::sleep(Duration::from_millis(stage.random.u64(300..1_000))).await;
            if stage.random.bool() {
                stage.kill_busy();
            } else {
                // Those that came first have been there for longest.
                stage.cast.remove(0).leave().await;
            }
            stage.enter(Role::Worker);
        }
        over.store(true, Ordering::SeqCst);
    })
    .await;
    let tally = stage.end(outbox.store()).await;

    let in_flight = stage.server.most_in_flight();
    tell(&format!("fleet on {engine}: at most {leased} leased, {in_flight} in flight; {tally}"));
    tally.assert_right();
    // Fewer would mean that the run has not come to where the cap matters.
    assert_eq!((leased, in_flight), (CAP as u64, CAP));
}

/// Looks all the time how many are leased.
async fn most_leased(store: &dyn Store, over: &AtomicBool) -> u64 {
    let mut most = 0;
    while !over.load(Ordering::SeqCst) {
        most = most.max(sum(&store.queues().await.unwrap(), |queue| queue.leased));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    most
}

/// Sees to it that there is always something to do.
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
