//! Holds of APIs with several workers and many held entries.

use std::time::Duration;

use futures_util::future::join_all;
use martello_outbox::{
    Enqueued, NewEntry, Store,
    store::{Claimed, Clock, End, HoldChange, ManualClock, Settlement, Turn, Turned},
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::{TestSchema, claim, claimed as claimed_ids, entry};

/// The SQL of a claim of up to five entries.
pub(crate) const CLAIM: &str = "SELECT count(*) FILTER (WHERE kind = 1)
     FROM __.turn(NULL, 'default', 'w', 5, 5, 60000000, 'ambiguous', NULL, '[]')";

/// The number of rows and index entries that the transaction has read.
const READ: &str = "SELECT sum(pg_stat_get_xact_tuples_returned(oid))::bigint FROM pg_class
     WHERE relnamespace = '__'::regnamespace AND relkind IN ('r', 'i')";

pub(crate) fn to(host: &str) -> NewEntry {
    let mut entry = entry();
    entry.request.uri = format!("https://{host}/x").parse().unwrap();
    entry
}

pub(crate) fn down(claimed: &Claimed, wait: Duration) -> Settlement {
    let hold = HoldChange::For { holds_in_row: claimed.holds_in_row, wait, why: "down".into() };
    let end = End::Again { wait: Duration::ZERO, counts: false };
    Settlement { lease: claimed.lease.clone(), end, attempt: None, hold }
}

pub(crate) async fn number(connection: &mut PgConnection, test: &TestSchema, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.replace("__", &test.schema));
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn one_of_many_concurrent_workers_probes_a_held_api() {
    let test = TestSchema::fresh();
    let stores = join_all((0..4).map(|_| test.open())).await;
    stores[0].enqueue((0..40).map(|nth| to(["a", "b", "c"][nth % 3])).collect()).await.unwrap();
    let claimed = stores[0].turn(claim(3)).await.unwrap().claimed;
    let settle = claimed.iter().map(|claimed| down(claimed, Duration::ZERO)).collect();
    stores[0].turn(Turn { settle, ..claim(0) }).await.unwrap();
    for round in 1..=25 {
        let turned = join_all(stores.iter().map(|store| store.turn(Turn { cap: 20, ..claim(5) }))).await;
        let mut claimed: Vec<_> = turned.into_iter().flat_map(|turned| turned.unwrap().claimed).collect();
        assert!(claimed.iter().all(|claimed| claimed.holds_in_row == round), "{round}");
        // A worker skips an API that another worker has locked.
        claimed.sort_by_key(|claimed| claimed.entry.uri.to_string());
        let hosts: Vec<_> = claimed.iter().map(|claimed| claimed.entry.uri.host().unwrap()).collect();
        assert_eq!(hosts, ["a", "b", "c"], "{round}");
        // Different workers settle at the same time.
        let ends = claimed.iter().zip(&stores).map(|(claimed, store)| {
            store.turn(Turn { settle: vec![down(claimed, Duration::ZERO)], ..claim(0) })
        });
        for ended in join_all(ends).await {
            ended.unwrap();
        }
    }
    test.drop().await;
}

/// A worker that claims a probe locks the API until it commits.
#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_claim_skips_an_api_that_another_worker_is_claiming_for() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    store.enqueue((0..4).map(|nth| to(["a", "b"][nth % 2])).collect()).await.unwrap();
    let claimed = store.turn(claim(2)).await.unwrap().claimed;
    let settle = claimed.iter().map(|claimed| down(claimed, Duration::ZERO)).collect();
    store.turn(Turn { settle, ..claim(0) }).await.unwrap();
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let lock = "SELECT count(*) FROM __.hold WHERE authority = 'a' AND in_row = (
         SELECT in_row FROM __.hold WHERE authority = 'a' FOR UPDATE)";
    assert_eq!(number(&mut transaction, &test, lock).await, 1);
    let turned = store.turn(claim(5)).await.unwrap();
    assert_eq!(turned.claimed.len(), 1);
    assert_eq!(turned.claimed[0].entry.uri.host(), Some("b"));
    transaction.rollback().await.unwrap();
    assert_eq!(store.turn(claim(5)).await.unwrap().claimed[0].entry.uri.host(), Some("a"));
    test.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn workers_that_settle_for_the_same_apis_in_different_orders_do_not_deadlock() {
    let test = TestSchema::fresh();
    // The store's patience ends before the server checks for deadlocks.
    let sign = if test.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{sign}options=-c%20deadlock_timeout%3D60s", test.url);
    let builder = || test.builder().url(&url).patience(Duration::from_secs(10));
    let (one, other) = (builder().connect().await.unwrap(), builder().connect().await.unwrap());
    one.enqueue((0..6).map(|nth| to(["a", "b"][nth % 2])).collect()).await.unwrap();
    let claimed = one.turn(Turn { cap: 6, ..claim(6) }).await.unwrap().claimed;
    let ended = |nth: [usize; 2]| nth.map(|nth| down(&claimed[nth], Duration::ZERO)).to_vec();
    one.turn(Turn { settle: ended([0, 1]), ..claim(0) }).await.unwrap();
    let mut connection = test.connection().await;
    let mut transaction = connection.begin().await.unwrap();
    let lock = "SELECT in_row FROM __.hold WHERE authority = 'b' FOR UPDATE";
    assert_eq!(number(&mut transaction, &test, lock).await, 1);
    // If each locked in the given order, the first would hold `b` and wait for `a`, while the second holds
    // `a` and waits for `b`.
    let after = |millis| tokio::time::sleep(Duration::from_millis(millis));
    let first = one.turn(Turn { settle: ended([3, 2]), ..claim(0) });
    let second = async {
        after(300).await;
        other.turn(Turn { settle: ended([4, 5]), ..claim(0) }).await
    };
    let released = async {
        after(600).await;
        transaction.rollback().await
    };
    let (first, second, released) = tokio::join!(first, second, released);
    released.unwrap();
    assert_eq!((first.unwrap().settled.len(), second.unwrap().settled.len()), (2, 2));
    test.drop().await;
}

/// There are more APIs than free slots. All were down, and now accept requests without an answer.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn probes_of_many_concurrent_workers_use_at_most_half_of_the_cap() {
    let test = TestSchema::fresh();
    let stores = join_all((0..4).map(|_| test.open())).await;
    stores[0].enqueue((0..16).map(|nth| to(&format!("silent-{nth}"))).collect()).await.unwrap();
    stores[0].enqueue((0..8).map(|_| to("up")).collect()).await.unwrap();
    test.run(
        "INSERT INTO __.hold SELECT 'default', 'silent-' || n, 0, 'down', 1 FROM generate_series(0, 15) n",
    )
    .await;
    let turn = |many| Turn { cap: 8, ..claim(many) };
    for round in 0..25 {
        let mut claimed = Vec::new();
        for _ in 0..2 {
            let turned = join_all(stores.iter().map(|store| store.turn(turn(2)))).await;
            claimed.extend(turned.into_iter().flat_map(|turned| turned.unwrap().claimed));
        }
        claimed.extend(stores[0].turn(turn(8)).await.unwrap().claimed);
        let probes = claimed.iter().filter(|claimed| claimed.holds_in_row > 0).count();
        assert!(claimed.len() == 8 && probes <= 4, "{probes} of {} in {round}", claimed.len());
        let back = |claimed: &Claimed| Settlement {
            lease: claimed.lease.clone(),
            end: End::GiveBack,
            attempt: None,
            hold: HoldChange::Keep,
        };
        stores[0].turn(Turn { settle: claimed.iter().map(back).collect(), ..turn(0) }).await.unwrap();
    }
    // Probes are claimed in order. When one ends, the next is claimed.
    let turned = stores[0].turn(turn(5)).await.unwrap();
    let hosts: Vec<_> = turned.claimed.iter().map(|claimed| claimed.entry.uri.host().unwrap()).collect();
    assert_eq!(hosts, ["silent-0", "silent-1", "silent-2", "silent-3", "up"]);
    test.run("DELETE FROM __.ready WHERE authority = 'up'").await;
    let turned = stores[0].turn(turn(3)).await.unwrap();
    assert_eq!(turned.claimed.len(), 0);
    assert!(turned.next > Some(Duration::from_secs(50)), "{:?}", turned.next);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_claim_does_not_read_held_entries() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    store.enqueue((0..20_000).map(|_| to("down")).collect()).await.unwrap();
    let claimed = store.turn(claim(1)).await.unwrap().claimed.remove(0);
    store.turn(Turn { settle: vec![down(&claimed, Duration::from_secs(600))], ..claim(0) }).await.unwrap();
    test.run("ANALYZE __.ready; ANALYZE __.entry; ANALYZE __.hold").await;
    let up = store.enqueue((0..20).map(|_| to("up")).collect()).await.unwrap();
    // The result does not depend on the statistics of the planner.
    for analyzed in [false, true] {
        if analyzed {
            test.run("ANALYZE __.ready; ANALYZE __.entry").await;
        }
        let mut connection = test.connection().await;
        let mut transaction = connection.begin().await.unwrap();
        assert_eq!(
            number(&mut transaction, &test, CLAIM).await,
            5,
            "the claim finds the entries behind the held ones"
        );
        let read = number(&mut transaction, &test, READ).await;
        assert!(read < 300, "{read} rows were read, analyzed: {analyzed}");
        transaction.rollback().await.unwrap();
    }
    let claimed = store.turn(claim(5)).await.unwrap();
    let ids: Vec<_> = claimed.claimed.iter().map(|claimed| claimed.entry.id).collect();
    assert_eq!(ids, up[..5].iter().map(|up| up.id()).collect::<Vec<_>>(), "the entries are claimed in order");
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_claim_does_not_read_each_of_many_held_apis() {
    let test = TestSchema::fresh();
    let store = test.open().await;
    store.enqueue((0..100).map(|_| to("down")).collect()).await.unwrap();
    let claimed = store.turn(claim(1)).await.unwrap().claimed.remove(0);
    store.turn(Turn { settle: vec![down(&claimed, Duration::from_secs(600))], ..claim(0) }).await.unwrap();
    let late = |nth| {
        let mut entry = to(&format!("late-{nth}"));
        entry.delay = Duration::from_secs(600);
        entry
    };
    for due in [5, 3] {
        store.enqueue((0..due).map(|nth| to(&format!("api-{nth}"))).collect()).await.unwrap();
        store.enqueue((0..5_000).map(late).collect()).await.unwrap();
        let mut connection = test.connection().await;
        let mut transaction = connection.begin().await.unwrap();
        assert_eq!(number(&mut transaction, &test, CLAIM).await, due);
        let read = number(&mut transaction, &test, READ).await;
        assert!(read < 5_000, "{read} rows were read, with {due} due");
        transaction.rollback().await.unwrap();
        assert_eq!(claimed_ids(&store, 5).await.len(), usize::try_from(due).unwrap());
        test.run("UPDATE __.slot SET seq = NULL, fence = NULL, until = NULL, since = NULL, worker = NULL")
            .await;
    }
    test.drop().await;
}

/// Asserts that other entries are claimed in order beside this many held entries.
async fn claims_in_order_beside_held(held: usize) {
    let test = TestSchema::fresh();
    let clock = ManualClock::new(jiff::Timestamp::now());
    let store = test.builder().clock(Clock::Manual(clock.clone())).connect().await.unwrap();
    let turn = async |many| store.turn(Turn { cap: 1_000, ..claim(many) }).await.unwrap();
    let ids = |turned: &Turned| turned.claimed.iter().map(|claimed| claimed.entry.id).collect::<Vec<_>>();
    let first = store.enqueue((0..held).map(|_| to("down")).collect()).await.unwrap().first().unwrap().id();
    let claimed = turn(1).await.claimed.remove(0);
    let mut end = down(&claimed, Duration::from_secs(30));
    end.end = End::GiveBack;
    store.turn(Turn { settle: vec![end], ..claim(0) }).await.unwrap();

    let apis = 100;
    let others = store.enqueue((0..2 * apis).map(|nth| to(&format!("api-{}", nth % apis))).collect());
    let others: Vec<_> = others.await.unwrap().into_iter().map(Enqueued::id).collect();
    let late = |nth: u64| {
        let mut entry = to(&format!("late-{nth}"));
        entry.delay = Duration::from_secs(10 + nth);
        entry
    };
    let late = store.enqueue((0..100).map(late).collect()).await.unwrap();
    let mut late = late.into_iter().map(Enqueued::id);
    for expected in others.chunks(7) {
        assert_eq!(ids(&turn(expected.len()).await), expected);
    }
    assert_eq!(turn(7).await.next, Some(Duration::from_secs(10)));
    clock.advance(Duration::from_secs(25));
    let turned = turn(20).await;
    assert_eq!((ids(&turned), turned.next), (late.by_ref().take(16).collect(), Some(Duration::from_secs(1))));
    clock.advance(Duration::from_secs(5));
    let turned = turn(3).await;
    let expected: Vec<_> = std::iter::once(first).chain(late.take(2)).collect();
    assert_eq!(ids(&turned), expected, "one entry probes the held API");
    assert_eq!(turned.claimed.iter().map(|claimed| claimed.holds_in_row).collect::<Vec<_>>(), [1, 0, 0]);
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn other_entries_are_claimed_in_order_beside_few_held_entries() {
    claims_in_order_beside_held(5).await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn other_entries_are_claimed_in_order_beside_many_held_entries() {
    claims_in_order_beside_held(1_500).await;
}
