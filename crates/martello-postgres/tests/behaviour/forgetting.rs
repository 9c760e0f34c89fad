//! Which holds the store deletes if there are too many, and when.

use std::time::Duration;

use martello_outbox::{Store, store::Turn};
use sqlx::Connection;

use crate::{
    holding::{down, number, to},
    support::{TestSchema, claim},
};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn excess_holds_are_deleted_after_all_holds_are_stored_and_locked() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    store.enqueue(vec![to("b"), to("m")]).await.unwrap();
    let hold = "INSERT INTO __.hold SELECT 'default'";
    test.run(&format!("{hold}, 'm', 5000, 'down', 1")).await;
    let claimed = store.turn(claim(2)).await.unwrap().claimed;
    test.run(&format!("{hold}, 'z-' || n, n, 'down', 1 FROM generate_series(1, 999) n")).await;
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let lock =
        |authority| format!("SELECT in_row FROM __.hold WHERE authority = '{authority}' FOR UPDATE NOWAIT");
    assert_eq!(number(&mut transaction, &test, &lock("m")).await, 1);
    let settle = claimed.iter().map(|claimed| down(claimed, Duration::from_secs(60))).collect();
    let settled = store.turn(Turn { settle, ..claim(0) });
    let others = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // A worker that settles for both APIs also locks `m` first.
        assert_eq!(number(&mut transaction, &test, &lock("z-1")).await, 1);
        transaction.rollback().await
    };
    let (settled, others) = tokio::join!(settled, others);
    others.unwrap();
    assert_eq!(settled.unwrap().settled.len(), 2);
    let mut holds = store.queues().await.unwrap().remove(0).holds;
    assert_eq!(holds.len(), 1_000);
    holds.retain(|held| held.until > jiff::Timestamp::now() || held.authority == "z-1");
    assert_eq!(holds.iter().map(|held| held.authority.as_str()).collect::<Vec<_>>(), ["b", "m"]);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn expired_holds_are_deleted_first_and_then_those_that_end_first() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    store.enqueue((0..5).map(|nth| to(&format!("new-{nth}"))).collect()).await.unwrap();
    let claimed = store.turn(claim(5)).await.unwrap().claimed;
    let far = 4_000_000_000_000_000_u64;
    test
        .run(&format!(
            "INSERT INTO __.hold SELECT 'default', 'far-' || n, {far} + n, 'down', 1 FROM generate_series(1, 997) n;
             INSERT INTO __.hold VALUES ('default', 'five', 1, '', 5), ('default', 'late', 3, '', 1),
                 ('default', 'early', 2, '', 1)"
        ))
        .await;
    let mut forgotten = Vec::new();
    for (claimed, wait) in claimed.iter().zip([60, 50, 70, 80, 0]) {
        let names = async || -> Vec<String> {
            let holds = store.queues().await.unwrap().remove(0).holds;
            holds.into_iter().map(|held| held.authority).collect()
        };
        let before = names().await;
        let settle = vec![down(claimed, Duration::from_secs(wait))];
        store.turn(Turn { settle, ..claim(0) }).await.unwrap();
        let after = names().await;
        assert_eq!(after.len(), 1_000);
        forgotten.extend(before.into_iter().filter(|authority| !after.contains(authority)));
    }
    assert_eq!(forgotten, ["early", "late", "five", "new-1", "new-0"]);
    test.drop().await;
}
