//! Several stores on one schema behave like one store.

use std::collections::HashSet;

use futures_util::future::join_all;
use martello_outbox::{
    Filter, State, Store,
    store::{Claimed, End, HoldChange, Settled, Settlement, Turn},
};

use crate::support::{TestSchema, claim, done, entry, keyed};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn concurrent_stores_may_create_one_schema() {
    let test = TestSchema::fresh();
    let opened = join_all((0..8).map(|_| test.builder().connect())).await;
    for store in opened {
        store.unwrap().enqueue(vec![entry()]).await.unwrap();
    }
    assert_eq!(test.open().await.queues().await.unwrap()[0].ready, 8);
    test.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn concurrent_claims_never_share_an_entry_nor_exceed_the_cap() {
    let test = TestSchema::fresh();
    let stores = join_all((0..4).map(|_| test.open())).await;
    stores[0].enqueue((0..50).map(|_| entry()).collect()).await.unwrap();
    let turned = join_all(stores.iter().map(|store| store.turn(claim(3)))).await;
    let mut ids: Vec<_> =
        turned.into_iter().flat_map(|turned| turned.unwrap().claimed).map(|it| it.entry.id).collect();
    // A claim may return fewer entries while other claims run.
    ids.extend(crate::support::claimed(&stores[0], 5).await);
    assert_eq!(ids.len(), 5);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5);
    test.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_lowered_cap_limits_the_workers_that_use_it() {
    let test = TestSchema::fresh();
    let (one, other) = (test.open().await, test.open().await);
    one.enqueue((0..50).map(|_| entry()).collect()).await.unwrap();
    let ten = one.turn(Turn { cap: 10, ..claim(10) }).await.unwrap().claimed;
    assert_eq!(ten.len(), 10);
    // The slots with the lower numbers become free first, and stay free while five entries are leased.
    let (low, high) = ten.split_at(5);
    let settle = low.iter().map(done).collect();
    let turned = one.turn(Turn { settle, ..claim(10) }).await.unwrap();
    assert_eq!(turned.claimed.len(), 0, "five entries are leased");
    let settle = high[..2].iter().map(done).collect();
    one.turn(Turn { settle, ..claim(0) }).await.unwrap();
    let turned = join_all([one.turn(claim(5)), other.turn(claim(5))]).await;
    let got: usize = turned.iter().map(|turned| turned.as_ref().unwrap().claimed.len()).sum();
    assert!(got <= 2, "{got} claimed beside three leased");
    test.drop().await;
}

/// After many concurrent operations on a few keys, each key has one head and no entry is lost.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn many_external_transactions_and_workers_lose_nothing() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let work = async |name: usize| {
        let store = test.open().await;
        let mut connection = test.connection().await;
        for round in 0..10 {
            let mut transaction = sqlx::Connection::begin(&mut connection).await.unwrap();
            for key in 0..2 {
                let key = keyed(&format!("{}", (name + key + round) % 3));
                store.enqueue_in(&mut transaction, key).await.unwrap();
            }
            store.enqueue(vec![keyed(&format!("{}", round % 3))]).await.unwrap();
            let turned = store.turn(claim(2)).await.unwrap();
            transaction.commit().await.unwrap();
            let settle = turned.claimed.iter().map(done).collect();
            store.turn(Turn { settle, ..claim(0) }).await.unwrap();
        }
    };
    join_all((0..4).map(work)).await;
    let mut settle = Vec::new();
    loop {
        let turned = store.turn(Turn { settle, ..claim(5) }).await.unwrap();
        settle = turned.claimed.iter().map(done).collect();
        if settle.is_empty() {
            break;
        }
    }
    assert_eq!(store.count(Filter::state(State::Done)).await.unwrap(), 120);
    assert!(
        store
            .check_health()
            .await
            .unwrap()
            .iter()
            .all(|finding| finding.passed || finding.what == "durability")
    );
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn settlements_of_two_claims_of_an_entry_are_answered_in_their_order() {
    let test = TestSchema::fresh();
    for later_first in [false, true] {
        let store = test.open().await;
        store.enqueue(vec![entry(), entry()]).await.unwrap();
        let mut claimed = store.turn(claim(2)).await.unwrap().claimed;
        // The second settlement frees its slot, so the next claim puts the entry into another slot.
        let (first, second) = (claimed.remove(0), claimed.remove(0));
        let back = |of: &Claimed| Settlement {
            lease: of.lease.clone(),
            end: End::GiveBack,
            attempt: None,
            hold: HoldChange::Keep,
        };
        store.turn(Turn { settle: vec![back(&second), back(&first)], ..claim(0) }).await.unwrap();
        let again = store.turn(claim(2)).await.unwrap().claimed;
        let newer = again.iter().find(|it| it.entry.id == second.entry.id).unwrap();
        let mut settle = vec![back(&second), done(newer)];
        let mut expected = vec![Settled::Applied, Settled::Applied];
        if later_first {
            settle.reverse();
            expected[1] = Settled::Fenced;
        }
        settle.extend(again.iter().filter(|it| it.entry.id == first.entry.id).map(done));
        expected.push(Settled::Applied);
        assert_eq!(store.turn(Turn { settle, ..claim(0) }).await.unwrap().settled, expected);
    }
    test.drop().await;
}
