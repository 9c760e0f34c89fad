//! The store refuses a replay that would overwrite a newer request, also during concurrent claims.

use std::time::Duration;

use martello_outbox::{
    Change, Enqueued, Filter, Store, StoreError, StoreErrorKind, WhenOvertaken, store::Turn,
};
use sqlx::Connection;

use crate::{
    holding::{CLAIM, number},
    support::{TestSchema, claim, done, keyed},
};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_replay_waits_for_the_claim_of_the_entry_that_it_would_overwrite() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let ids = store.enqueue(vec![keyed("k"), keyed("k")]).await.unwrap();
    store.change(ids[0].id(), Change::DeadLetter).await.unwrap();
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    assert_eq!(number(&mut transaction, &test, CLAIM).await, 1);
    let commit = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        transaction.commit().await
    };
    let replay = store.change(ids[0].id(), Change::Replay(WhenOvertaken::Refuse));
    let (refused, committed) = tokio::join!(replay, commit);
    committed.unwrap();
    assert_refused(refused, &StoreError::overtaking(ids[0].id()));
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_refused_replay_distinguishes_delivered_from_in_flight() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let new = ["a", "b", "a", "b"].map(keyed);
    let ids: Vec<_> =
        store.enqueue(new.into()).await.unwrap().into_iter().map(Enqueued::id).take(2).collect();
    for id in &ids {
        store.change(*id, Change::DeadLetter).await.unwrap();
    }
    let claimed = store.turn(claim(2)).await.unwrap().claimed;
    let [a, b] = claimed.as_slice() else { panic!("{claimed:?}") };
    let all = || store.replay(Filter::default(), 1.0, WhenOvertaken::Refuse);
    let alone = |id| store.change(id, Change::Replay(WhenOvertaken::Refuse));
    store.turn(Turn { settle: vec![done(b)], ..claim(0) }).await.unwrap();
    assert_refused(alone(ids[0]).await, &StoreError::overtaking(ids[0]));
    assert_refused(alone(ids[1]).await, &StoreError::overtaken(ids[1]));
    assert_refused(all().await, &StoreError::overtaking(ids[0]));
    store.turn(Turn { settle: vec![done(a)], ..claim(0) }).await.unwrap();
    assert_refused(all().await, &StoreError::overtaken(ids[0]));
    test.drop().await;
}

fn assert_refused<T>(tried: Result<T, StoreError>, expected: &StoreError) {
    let refused = tried.err().unwrap();
    assert_eq!((refused.kind(), refused.to_string()), (StoreErrorKind::Conflict, expected.to_string()));
}
