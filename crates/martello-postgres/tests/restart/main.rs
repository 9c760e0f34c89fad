//! The server is restarted in the middle, as by a crash. A program of its own, so that no other test meets a server that is
//! away; it needs `MARTELLO_TEST_POSTGRES_RESTART`, a shell's command that restarts the server at once.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[path = "../behaviour/support.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod support;

use std::time::Duration;

use martello_outbox::{
    Enqueued, Filter, State, Store, StoreErrorKind,
    store::{Settled, Turn, Watch},
};
use tokio::{process::Command, task::JoinSet};

use crate::support::{TestSchema, claim, done, entry};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL and MARTELLO_TEST_POSTGRES_RESTART"]
async fn a_store_continues_after_a_restart_of_its_server() {
    let test = TestSchema::fresh();
    let restart = std::env::var("MARTELLO_TEST_POSTGRES_RESTART").unwrap();
    let store = test.open().await;
    let mut watch = store.watch(Watch::Ready);
    let leased = store.enqueue(vec![entry()]).await.unwrap()[0].id();
    let claimed = store.turn(claim(1)).await.unwrap().claimed;

    let writer = store.clone();
    let mut storing = JoinSet::new();
    storing.spawn(async move {
        let (mut stored, mut failed) = (Vec::new(), 0_u32);
        while failed == 0 || stored.len() < 100 {
            let entry = entry();
            loop {
                match writer.enqueue(vec![entry.clone()]).await {
                    // Who heard of no answer asks again, and may hear of itself.
                    Ok(answer) => break stored.push(Enqueued::id(answer[0])),
                    Err(error) => {
                        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
                        failed += 1;
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
        stored
    });
    let status = Command::new("sh").arg("-c").arg(&restart).status().await.unwrap();
    assert!(status.success(), "the server did not come back");

    let stored =
        tokio::time::timeout(Duration::from_secs(60), storing.join_next()).await.unwrap().unwrap().unwrap();
    for id in &stored {
        assert_eq!(store.entry(*id).await.unwrap().unwrap().state, State::Ready);
    }
    assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), stored.len() as u64, "none twice");

    // What was leased before is held still, and can be settled.
    let settle: Vec<_> = claimed.iter().map(done).collect();
    assert_eq!(store.turn(Turn { settle, ..claim(0) }).await.unwrap().settled, [Settled::Applied]);
    assert_eq!(store.entry(leased).await.unwrap().unwrap().state, State::Done);

    // It hears of others again, of whom nobody tells but the server.
    let other = test.open().await;
    watch.mark_unchanged();
    other.enqueue(vec![entry()]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.unwrap().unwrap();
    test.drop().await;
}
