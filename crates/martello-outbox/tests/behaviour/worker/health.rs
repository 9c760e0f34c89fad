//! The worker's health.

use martello_outbox::{MemoryStore, Outbox, OutboxOptions, Reason, WorkerPhase};
use martello_outcome::Outcome;
use tokio::time::sleep;

use crate::support::{Api, enqueued, options, post, put, seconds, status, work_with};

#[tokio::test(start_paused = true)]
async fn the_counters_match_what_happened() {
    let outbox = Outbox::new(MemoryStore::new());
    let api = Api::with(|seen| async move {
        sleep(seconds(1)).await;
        status(seen.path.trim_start_matches("/orders/").parse()?)
    });
    let hour = seconds(3_600);
    let worker = work_with(&outbox, &api, options().backoff(hour, hour).hold_after(3));
    let health = worker.health();
    assert_eq!((health.phase, health.is_healthy()), (WorkerPhase::Starting, false));
    sleep(seconds(3)).await;
    let health = worker.health();
    assert_eq!((health.phase, health.cap, health.in_flight), (WorkerPhase::Running, 5, 0));
    assert!(health.is_healthy() && health.since_last_turn.unwrap() <= seconds(3));
    assert_eq!(health.last_pickup, None);

    for path in ["/orders/503", "/orders/500", "/orders/429"] {
        enqueued(&outbox, put(path)).await;
    }
    sleep(seconds(2)).await;
    let health = worker.health();
    assert_eq!((health.failures_in_row, health.probing), (3, false));
    assert_eq!((health.deferred(Outcome::Unavailable), health.deferred(Outcome::Faulty)), (1, 2));

    // An entry that is due during the hold, which lasts at most a second, is claimed when the hold ends.
    let mut late = put("/orders/200");
    late.extensions_mut().insert(OutboxOptions::new().delay(seconds(5)));
    enqueued(&outbox, late).await;
    enqueued(&outbox, post("/orders/422")).await;
    enqueued(&outbox, post("/orders/504")).await;
    sleep(seconds(4)).await;
    assert!(worker.health().last_pickup.unwrap() < seconds(2));
    sleep(seconds(3)).await;
    let health = worker.health();
    assert_eq!((health.delivered, health.fenced, health.lost, health.given_back), (1, 0, 0, 0));
    let dead =
        [Reason::Rejected, Reason::Ambiguous, Reason::Expired].map(|reason| health.dead_letters(reason));
    assert_eq!((dead, health.probing, health.failures_in_row), ([1, 1, 0], false, 0));
    let health = worker.shutdown().await;
    assert_eq!((health.phase, health.is_healthy()), (WorkerPhase::Stopped, false));
}
