//! Nothing that was acknowledged is lost, whichever process dies whenever.

use std::{ops::Range, time::Duration};

use crate::{
    ground::{Ground, in_a_file, in_a_schema},
    part::Role,
    settings::{kills, seed, tell},
    stage::Stage,
};

/// More than five, or those that a killed worker had would hold up the others until their leases have run out.
const CONCURRENCY: usize = 40;

const CAST: [Role; 6] =
    [Role::Enqueuer, Role::Enqueuer, Role::Worker, Role::Worker, Role::Worker, Role::Replayer];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_in_a_file() {
    in_a_file(async |ground| crash(ground, kills(50), 20..400).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn nothing_acknowledged_is_lost_in_a_schema() {
    in_a_schema(async |ground| crash(ground, kills(20), 100..1_000).await).await;
}

/// `every` is in milliseconds, between two kills: enough for most processes to have begun what they are to be killed at.
async fn crash(ground: Ground, kills: usize, every: Range<u64>) {
    let engine = ground.engine();
    let seed = seed();
    tell(&format!("crash test on {engine}: {kills} kills, MARTELLO_TEST_SEED={seed}"));
    let mut stage = Stage::new(ground, CONCURRENCY, 0..30, seed).await;
    CAST.iter().for_each(|role| stage.enter(*role));
    tokio::time::sleep(Duration::from_millis(300)).await;
    while stage.hits.kills < kills {
        tokio::time::sleep(Duration::from_millis(stage.random.u64(every.clone()))).await;
        // Now and then nobody is left, as after a crash of the machine; whoever comes first then finds what is there.
        let killed = match stage.random.u8(..20) {
            0 => stage.kill_all(&CAST),
            _ => vec![stage.kill_any()],
        };
        killed.into_iter().for_each(|role| stage.enter(role));
    }
    stage.kill_all(&[Role::Enqueuer, Role::Replayer]);
    let outbox = stage.outbox().await;
    let tally = stage.end(outbox.store()).await;
    tell(&format!("crash test on {engine}: {tally}"));
    tally.assert_right();
}
