//! Entries that a caller stores in its own transaction.

use std::time::Duration;

use martello_outbox::{Enqueued, Filter, NewEntry, State, Store, StoreErrorKind, WhenPending, store::Watch};
use sqlx::Connection;

use crate::support::{TestSchema, claimed, entry, keyed};

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_rolled_back_entry_is_not_stored() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let mut connection = test.connection().await;
    for new in [entry(), keyed("k")] {
        let mut transaction = connection.begin().await.unwrap();
        let id = store.enqueue_in(&mut transaction, new).await.unwrap().id();
        assert_eq!(store.entry(id).await.unwrap(), None, "the entry is not visible before the commit");
        transaction.rollback().await.unwrap();
        assert_eq!(store.entry(id).await.unwrap(), None);
    }
    assert!(store.queues().await.unwrap().is_empty());
    assert_eq!(claimed(&store, 5).await, []);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_committed_entry_is_announced_and_claimed_complete() {
    let test = TestSchema::fresh();
    let (store, other) = (test.open().await, test.open().await);
    let mut watch = other.watch(Watch::Ready);
    // The first notification shows that the store listens.
    tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
    let mut connection = test.connection().await;
    let mut ids = Vec::new();
    for new in [entry(), keyed("k")] {
        let mut transaction = connection.begin().await.unwrap();
        ids.push(store.enqueue_in(&mut transaction, new).await.unwrap().id());
        watch.mark_unchanged();
        transaction.commit().await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), watch.changed()).await.unwrap().unwrap();
    }
    assert_eq!(store.queues().await.unwrap()[0].ready, 2);
    assert_eq!(claimed(&other, 5).await, ids);
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
async fn entries_of_a_key_are_in_the_order_of_their_commits() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    for isolation in ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let (mut one, mut other) = (test.connection().await, test.connection().await);
        let begin = |isolation| sqlx::AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {isolation}"));
        let mut first = one.begin_with(begin(isolation)).await.unwrap();
        let mut second = other.begin_with(begin(isolation)).await.unwrap();
        let early = store.enqueue_in(&mut first, keyed("k")).await.unwrap().id();
        let late = store.enqueue_in(&mut second, keyed("k")).await.unwrap().id();
        let direct = store.enqueue(vec![keyed("k")]).await.unwrap()[0].id();
        second.commit().await.unwrap();
        first.commit().await.unwrap();
        for id in [direct, late, early] {
            let turned = store.turn(crate::support::claim(5)).await.unwrap();
            let leases: Vec<_> = turned.claimed.iter().map(|claimed| claimed.entry.id).collect();
            assert_eq!(leases, [id], "{isolation}");
            let settle = turned.claimed.iter().map(crate::support::done).collect();
            store.turn(martello_outbox::store::Turn { settle, ..crate::support::claim(0) }).await.unwrap();
        }
        let detail = store.detail(early).await.unwrap().unwrap();
        assert_eq!(
            (detail.revisions.len(), detail.attempts.len()),
            (1, 1),
            "its revision and attempt are stored too"
        );
    }
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_open_transaction_does_not_block_its_key() {
    let test = TestSchema::fresh();
    let store = test.builder().patience(Duration::from_secs(5)).connect().await.unwrap();
    let ahead = store.enqueue(vec![keyed("k")]).await.unwrap()[0].id();
    let turned = store.turn(crate::support::claim(5)).await.unwrap();
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let external = store.enqueue_in(&mut transaction, keyed("k")).await.unwrap().id();
    let settle = turned.claimed.iter().map(crate::support::done).collect();
    store.turn(martello_outbox::store::Turn { settle, ..crate::support::claim(5) }).await.unwrap();
    assert_eq!(store.entry(ahead).await.unwrap().unwrap().state, State::Done);
    store.enqueue(vec![keyed("k")]).await.unwrap();
    let between = claimed(&store, 5).await;
    assert_eq!(between.len(), 1);
    transaction.commit().await.unwrap();
    assert_eq!(claimed(&store, 5).await, [], "the other entry of the key is leased");
    assert_eq!(store.entry(external).await.unwrap().unwrap().state, State::Ready);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_external_transaction_supersedes_ready_entries_and_finds_duplicates() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let old = store.enqueue(vec![keyed("k"), keyed("k")]).await.unwrap();
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let mut new = keyed("k");
    (new.when_pending, new.dedup_key) = (WhenPending::Supersede, Some("once".into()));
    let again: NewEntry = {
        let mut again = entry();
        again.dedup_key = Some("once".into());
        again
    };
    let id = store.enqueue_in(&mut transaction, new).await.unwrap().id();
    assert_eq!(store.enqueue_in(&mut transaction, again).await.unwrap(), Enqueued::Duplicate(id));
    let mut bad = entry();
    bad.max_attempts = 0;
    let error = store.enqueue_in(&mut transaction, bad).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Invalid);
    transaction.commit().await.unwrap();
    assert_eq!(claimed(&store, 5).await, [id]);
    for entry in old {
        assert_eq!(store.entry(entry.id()).await.unwrap().unwrap().superseded_by, Some(id));
    }
    assert_eq!(store.count(Filter::state(State::Cancelled)).await.unwrap(), 2);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_open_external_transaction_with_a_dedup_key_blocks_no_other_key() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let once = || {
        let mut once = keyed("k");
        once.dedup_key = Some("once".into());
        once
    };
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let external = store.enqueue_in(&mut transaction, once()).await.unwrap().id();
    // The first operation forms its own batch. The others form the next batch while it waits.
    let late = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::join!(store.enqueue(vec![once()]), store.enqueue(vec![keyed("k")]))
    };
    let (first, (again, other)) = tokio::join!(store.enqueue(vec![once()]), late);
    for refused in [first, again] {
        assert_eq!(refused.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
    let other = other.unwrap()[0].id();
    assert_eq!(claimed(&store, 5).await, [other]);
    transaction.commit().await.unwrap();
    assert_eq!(store.enqueue(vec![once()]).await.unwrap(), [Enqueued::Duplicate(external)]);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn more_external_transactions_than_one_turn_admits_are_admitted_before_a_claim() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let old = store.enqueue(vec![keyed("last")]).await.unwrap()[0].id();
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    for nth in 0..1_000 {
        store.enqueue_in(&mut transaction, keyed(&format!("k{nth}"))).await.unwrap();
    }
    let mut last = keyed("last");
    last.when_pending = WhenPending::Supersede;
    let last = store.enqueue_in(&mut transaction, last).await.unwrap().id();
    transaction.commit().await.unwrap();

    let turned = store.turn(crate::support::claim(5)).await.unwrap();
    assert_eq!((turned.claimed.len(), turned.next), (0, Some(Duration::ZERO)));
    assert_eq!(claimed(&store, 5).await.len(), 5);
    assert_eq!(store.entry(old).await.unwrap().unwrap().superseded_by, Some(last));
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_entry_of_an_external_transaction_that_is_purged_before_a_turn_leaves_nothing() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let external = store.enqueue_in(&mut transaction, keyed("k")).await.unwrap().id();
    transaction.commit().await.unwrap();
    store.change(external, martello_outbox::Change::DeadLetter).await.unwrap();
    assert_eq!(store.purge(martello_outbox::Purge::All).await.unwrap(), 1);
    let left = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {}.arriving", test.schema));
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
    test.drop().await;
}
