//! The migration derives order keys by the current rule, and orders the entries by them.

use http::Method;
use martello_outbox::{
    Change, EntryId, NewEntry, OrderKey, Overtaken, QueueName, Reason, State, Store, StoreErrorKind,
    StoredRequest, WhenOvertaken,
    store::{End, HoldChange, Lease, Settled, Settlement, Turn},
};
use martello_postgres::PostgresStore;

use crate::{
    older::Older,
    support::{TestSchema, claim},
};

/// An entry with a key of versions 1 and 2: the host, the port as written, and the path.
fn old(method: Method, uri: &str, key: Option<&str>) -> NewEntry {
    let request = StoredRequest {
        method,
        uri: uri.parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: "{}".into(),
        sealed: false,
    };
    let mut entry = NewEntry::new(QueueName::default(), request);
    entry.order_key = key.map(|key| OrderKey::new(key).unwrap());
    entry.repeatable = true;
    entry
}

fn put(uri: &str, key: &str) -> NewEntry {
    old(Method::PUT, uri, Some(key))
}

/// The key of a target by the current rule.
fn key_of(uri: &str) -> Option<String> {
    let request = http::Request::put(uri).body(()).unwrap();
    OrderKey::by_target((&request).into()).map(String::from)
}

/// Creates a store of version 2 with these entries.
async fn store_of(test: &TestSchema, entries: Vec<NewEntry>) -> (Older, Vec<EntryId>) {
    let mut older = Older::make(test, 2).await;
    let ids = older.enqueue(&entries).await;
    (older, ids)
}

async fn key(store: &PostgresStore, id: EntryId) -> Option<String> {
    store.entry(id).await.unwrap().unwrap().order_key.map(String::from)
}

async fn turn(store: &PostgresStore, settle: Vec<Settlement>, many: usize) -> (Vec<Settled>, Vec<EntryId>) {
    let turned = store.turn(Turn { settle, cap: 20, ..claim(many) }).await.unwrap();
    (turned.settled, turned.claimed.into_iter().map(|claimed| claimed.entry.id).collect())
}

fn ended(lease: &Lease, end: End) -> Settlement {
    Settlement { lease: lease.clone(), end, attempt: None, hold: HoldChange::Keep }
}

async fn assert_healthy(store: &PostgresStore) {
    // The test server may run with durability switched off.
    let findings = store.check_health().await.unwrap();
    assert!(findings.iter().all(|finding| finding.passed || finding.what == "durability"), "{findings:?}");
}

async fn assert_in_order(store: &PostgresStore) {
    let findings = store.check_health().await.unwrap();
    let order = findings.iter().find(|finding| finding.what == "order").unwrap();
    assert!(order.passed, "{order:?}");
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn pending_entries_get_current_keys_and_are_claimed_in_their_order() {
    let test = TestSchema::fresh();
    let long = format!("https://h:443/{}", "a".repeat(600));
    let all = vec![
        put("https://h:443/1", "h:443/1"),
        put("https://h/1", "h/1"),
        put("https://h/o?id=a", "h/o"),
        put("https://h/o?id=b", "h/o"),
        old(Method::PUT, &long, None),
        old(Method::DELETE, &long, None),
        put("https://h:443/9", "the caller's own"),
        old(Method::PUT, "https://h:443/1", None),
        old(Method::POST, &long, None),
        put("https://h/o?id=a", "h/o"),
    ];
    let (_, ids) = store_of(&test, all).await;
    let store = test.open().await;

    let mut keys = Vec::new();
    for id in &ids {
        keys.push(key(&store, *id).await);
    }
    let (a, b, long) = (key_of("https://h/o?id=a"), key_of("https://h/o?id=b"), key_of(&long));
    let (one, own) = (Some("h/1".to_owned()), Some("the caller's own".to_owned()));
    assert_eq!(keys, [&one, &one, &a, &b, &long, &long, &own, &None, &None, &a].map(Clone::clone));
    assert!(a != b && a.is_some() && long.is_some());
    assert_healthy(&store).await;
    let (_, mut claimed) = turn(&store, Vec::new(), 20).await;
    claimed.sort();
    let mut heads: Vec<EntryId> = [0, 2, 3, 4, 6, 7, 8].map(|nth| ids[nth]).into();
    heads.sort();
    assert_eq!(claimed, heads, "the oldest entry of each key is claimed");
    store.close().await;
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_leased_entry_precedes_the_entries_that_share_its_new_key() {
    let test = TestSchema::fresh();
    let (mut older, first) = store_of(&test, vec![put("https://h:443/1", "h:443/1")]).await;
    let lease = older.claim(1).await.remove(0);
    let second = put("https://h/1", "h/1");
    let second_id = second.id;
    older.enqueue(&[second]).await;
    let store = test.open().await;

    assert_eq!(key(&store, first[0]).await.as_deref(), Some("h/1"));
    assert_healthy(&store).await;
    assert_eq!(turn(&store, Vec::new(), 5).await.1, []);
    let delivered = ended(&lease, End::Done);
    assert_eq!(turn(&store, vec![delivered], 5).await, (vec![Settled::Applied], vec![second_id]));
    store.close().await;
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn two_leased_entries_of_one_new_key_lose_their_leases_and_are_claimed_again_in_order() {
    let test = TestSchema::fresh();
    let (mut older, ids) =
        store_of(&test, vec![put("https://h:443/1", "h:443/1"), put("https://h/1", "h/1")]).await;
    let leases = older.claim(2).await;
    assert_eq!(leases.len(), 2);
    let third = put("https://h/1", "h/1");
    let third_id = third.id;
    older.enqueue(&[third]).await;
    let store = test.open().await;

    assert_in_order(&store).await;
    let delivered = leases.iter().map(|lease| ended(lease, End::Done)).collect();
    let (settled, claimed) = turn(&store, delivered, 5).await;
    assert_eq!((settled, claimed), (vec![Settled::Fenced, Settled::Fenced], vec![ids[0]]));
    assert_in_order(&store).await;
    assert_eq!(store.entry(third_id).await.unwrap().unwrap().state, State::Ready);
    store.close().await;
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn a_dead_letter_gets_the_key_of_its_first_request_and_is_marked_as_overtaken() {
    let test = TestSchema::fresh();
    let mut dead = put("https://h:443/1", "h:443/1");
    dead.dead = Some(Reason::Rejected);
    let mut edited = put("https://h:443/2", "h:443/2");
    edited.dead = Some(Reason::Rejected);
    let (mut older, ids) = store_of(&test, vec![dead, edited, put("https://h/1", "h/1")]).await;
    let edit = format!(
        "SELECT __.change(NULL, '{}', 'edit', 'PUT', 'https://h:443/3', '[]', false, '', 'h')",
        ids[1]
    );
    older.run(&edit).await.unwrap();
    let delivered = older.claim(1).await.remove(0);
    assert!(older.settle(&delivered, 2).await.unwrap());
    let store = test.open().await;

    assert_eq!(key(&store, ids[1]).await.as_deref(), Some("h/2"));
    let mut marks = Vec::new();
    for id in &ids {
        marks.push(store.entry(*id).await.unwrap().unwrap().overtaken);
    }
    assert_eq!(marks, [Some(Overtaken::Certainly), None, None]);
    let error = store.change(ids[0], Change::Replay(WhenOvertaken::Refuse)).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Conflict);
    store.change(ids[0], Change::Replay(WhenOvertaken::Overwrite)).await.unwrap();
    assert_healthy(&store).await;
    store.close().await;
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn all_entries_are_rekeyed_if_they_exceed_one_batch() {
    let test = TestSchema::fresh();
    let uri = |nth: usize| format!("h:443/{}", nth / 2);
    let all = (0..1_100).map(|nth| put(&format!("https://{}", uri(nth)), &uri(nth))).collect();
    let (_, ids) = store_of(&test, all).await;
    let store = test.open().await;
    for (nth, id) in ids.iter().enumerate() {
        assert_eq!(key(&store, *id).await, Some(format!("h/{}", nth / 2)));
    }
    assert_healthy(&store).await;
    store.close().await;
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_entry_of_an_external_transaction_follows_the_entries_that_share_its_new_key() {
    let test = TestSchema::fresh();
    let (mut older, mut ids) = store_of(&test, vec![put("https://h:443/1", "h:443/1")]).await;
    older.run("BEGIN").await.unwrap();
    for new in [put("https://h/1", "h/1"), put("https://h:443/2", "h:443/2"), put("https://h/2", "h/2")] {
        older.try_enqueue(&new, Some("channel")).await.unwrap();
        ids.push(new.id);
    }
    older.run("COMMIT").await.unwrap();
    let store = test.open().await;

    let heads = [0, 2].map(|nth: usize| ids[nth]);
    assert_eq!(turn(&store, Vec::new(), 5).await.1, heads);
    assert_healthy(&store).await;
    store.close().await;
    test.drop().await;
}

#[tokio::test]
#[ignore = "needs MARTELLO_TEST_POSTGRES_URL"]
async fn an_entry_with_an_overlong_host_is_migrated() {
    let test = TestSchema::fresh();
    // Older versions stored hosts of any length. This one is random, so the server cannot compress it.
    let digit = |nth: u32| char::from_digit(nth.wrapping_mul(2_654_435_761) >> 28, 16).unwrap();
    let long: String = (0..9_000).map(digit).collect();
    let (_, ids) = store_of(&test, vec![old(Method::PUT, &format!("https://{long}/1"), None)]).await;
    let store = test.open().await;
    assert_eq!(turn(&store, Vec::new(), 5).await.1, ids);
    store.close().await;
    test.drop().await;
}
