//! Nothing that was acknowledged is lost, whichever process dies whenever.

use std::time::Duration;

use crate::{
    check::check,
    ground::Ground,
    part::Role,
    settings::{kills, seed, tell},
    stage::Stage,
};

/// More than five, or those that a killed worker had would hold up the others until their leases have run out.
const CONCURRENCY: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_in_one_file() {
    let (_directory, ground) = Ground::sqlite();
    crash("sqlite", ground, kills(50)).await;
}

async fn crash(engine: &str, ground: Ground, kills: usize) {
    let seed = seed();
    // What a test that fails has written to stdout is shown.
    tell(&format!("crash test on {engine}: {kills} kills, MARTELLO_TEST_SEED={seed}"));
    let mut stage = Stage::new(ground, CONCURRENCY, 0..30, seed).await;
    for role in [Role::Enqueuer, Role::Enqueuer, Role::Worker, Role::Worker, Role::Worker, Role::Replayer] {
        stage.enter(role);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(stage.random.u64(20..400))).await;
        let place = stage.random.usize(..stage.cast.len());
        let role = stage.kill(place);
        stage.enter(role);
    }
    stage.leave(Role::Enqueuer);
    stage.leave(Role::Replayer);
    stage.ledger.calm_down();
    stage.drained().await;
    stage.replay_all().await;

    let receipts = stage.ledger.receipts();
    let tally = check(stage.store(), &receipts, &stage.said, &stage.deaths, stage.hits.clone()).await;
    tell(&format!("crash test on {engine}: {tally}"));
    tally.assert_right();
}
