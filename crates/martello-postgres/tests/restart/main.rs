//! The server restarts during the test, as after a crash. The test is a separate program, so no other test
//! uses the server meanwhile. It needs `MARTELLO_TEST_POSTGRES_RESTART`, a shell command that restarts the
//! server immediately.
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
                    // A caller that receives no answer repeats the call, and may get its own entry as a
                    // duplicate.
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
    assert!(status.success(), "the restart command failed");

    let stored =
        tokio::time::timeout(Duration::from_secs(60), storing.join_next()).await.unwrap().unwrap().unwrap();
    for id in &stored {
        assert_eq!(store.entry(*id).await.unwrap().unwrap().state, State::Ready);
    }
    assert_eq!(
        store.count(Filter::state(State::Ready)).await.unwrap(),
        stored.len() as u64,
        "no entry is stored twice"
    );

    // A lease from before the restart is still valid and can be settled.
    let settle: Vec<_> = claimed.iter().map(done).collect();
    assert_eq!(store.turn(Turn { settle, ..claim(0) }).await.unwrap().settled, [Settled::Applied]);
    assert_eq!(store.entry(leased).await.unwrap().unwrap().state, State::Done);

    // The store receives the notifications of other stores again.
    let other = test.open().await;
    watch.mark_unchanged();
    other.enqueue(vec![entry()]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.unwrap().unwrap();
    test.drop().await;
}
