//! No acknowledged request is lost, whichever process is killed at any time.

use std::{ops::Range, time::Duration};

use crate::{
    fixture::Fixture,
    process_config::Role,
    settings::{kills, print, seed},
    test_store::{TestStore, in_a_file, in_a_schema},
};

/// More than five; otherwise the entries of a killed worker would block the others until their leases expire.
const CONCURRENCY: usize = 40;

const ROLES: [Role; 6] =
    [Role::Enqueuer, Role::Enqueuer, Role::Worker, Role::Worker, Role::Worker, Role::Replayer];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_in_a_file() {
    in_a_file(async |test_store| crash(test_store, kills(50), 20..400).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn nothing_acknowledged_is_lost_in_a_schema() {
    in_a_schema(async |test_store| crash(test_store, kills(20), 100..1_000).await).await;
}

/// `every` is the time between two kills in milliseconds. Most processes have started their operations within
/// it.
async fn crash(test_store: TestStore, kills: usize, every: Range<u64>) {
    let engine = test_store.engine();
    let seed = seed();
    print(&format!("crash test on {engine}: {kills} kills, MARTELLO_TEST_SEED={seed}"));
    let mut fixture = Fixture::new(test_store, CONCURRENCY, 0..30, seed).await;
    ROLES.iter().for_each(|role| fixture.spawn(*role));
    tokio::time::sleep(Duration::from_millis(300)).await;
    while fixture.hits.kills < kills {
        tokio::time::sleep(Duration::from_millis(fixture.random.u64(every.clone()))).await;
        // Sometimes all are killed, as in a crash of the machine.
        let killed = match fixture.random.u8(..20) {
            0 => fixture.kill_all(&ROLES),
            _ => vec![fixture.kill_any()],
        };
        killed.into_iter().for_each(|role| fixture.spawn(role));
    }
    fixture.kill_all(&[Role::Enqueuer, Role::Replayer]);
    let outbox = fixture.outbox().await;
    let summary = fixture.end(outbox.store()).await;
    print(&format!("crash test on {engine}: {summary}"));
    summary.assert_right();
}
