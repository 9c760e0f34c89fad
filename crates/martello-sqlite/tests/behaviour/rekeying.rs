//! Migration 3 rederives the order keys that an older rule made, and keeps entries in order.

use std::path::Path;

use http::Method;
use martello_outbox::{
    Change, EntryId, NewEntry, OrderKey, Overtaken, QueueName, Reason, State, Store, StoredRequest,
    WhenOvertaken,
    store::{Claimed, End, HoldChange, Settled, Settlement, Turn},
};
use martello_sqlite::SqliteStore;

use crate::support::{as_version, claim, temp_store_path};

/// An entry with the order key of versions 1 and 2: the host, the port as written, and the path.
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

/// The order key of a target by the present rule.
fn key_of(uri: &str) -> Option<String> {
    let request = http::Request::put(uri).body(()).unwrap();
    OrderKey::by_target((&request).into()).map(String::from)
}

async fn store_of(path: &Path, entries: Vec<NewEntry>) -> (SqliteStore, Vec<EntryId>) {
    let store = SqliteStore::open(path).await.unwrap();
    let ids = entries.iter().map(|entry| entry.id).collect();
    store.enqueue(entries).await.unwrap();
    (store, ids)
}

/// Copies the store to a file with the schema of this version, then opens that.
async fn upgraded(version: usize, store: SqliteStore, path: &Path) -> SqliteStore {
    store.close().await;
    let old = path.with_file_name("old.db");
    as_version(version, path, &old);
    SqliteStore::open(&old).await.unwrap()
}

async fn key(store: &SqliteStore, id: EntryId) -> Option<String> {
    store.entry(id).await.unwrap().unwrap().order_key.map(String::from)
}

async fn turn(store: &SqliteStore, settle: Vec<Settlement>, many: usize) -> (Vec<Settled>, Vec<EntryId>) {
    let turned = store.turn(Turn { settle, cap: 20, ..claim(many) }).await.unwrap();
    (turned.settled, turned.claimed.into_iter().map(|claimed| claimed.entry.id).collect())
}

async fn leased(store: &SqliteStore, many: usize) -> Vec<Claimed> {
    store.turn(claim(many)).await.unwrap().claimed
}

fn ended(claimed: &Claimed, end: End) -> Settlement {
    Settlement { lease: claimed.lease.clone(), end, attempt: None, hold: HoldChange::Keep }
}

async fn assert_in_order(store: &SqliteStore) {
    let findings = store.check_health().await.unwrap();
    let order = findings.iter().find(|finding| finding.what == "order").unwrap();
    assert!(order.passed, "{order:?}");
}

#[tokio::test]
async fn pending_entries_get_keys_of_the_present_rule_and_are_claimed_in_order() {
    let (_directory, path) = temp_store_path();
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
    let (store, ids) = store_of(&path, all).await;
    let store = upgraded(2, store, &path).await;

    let mut keys = Vec::new();
    for id in &ids {
        keys.push(key(&store, *id).await);
    }
    let (a, b, long) = (key_of("https://h/o?id=a"), key_of("https://h/o?id=b"), key_of(&long));
    let (one, own) = (Some("h/1".to_owned()), Some("the caller's own".to_owned()));
    assert_eq!(keys, [&one, &one, &a, &b, &long, &long, &own, &None, &None, &a].map(Clone::clone));
    assert!(a != b && a.is_some() && long.is_some());
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
    let (_, mut claimed) = turn(&store, Vec::new(), 20).await;
    claimed.sort();
    let mut heads: Vec<EntryId> = [0, 2, 3, 4, 6, 7, 8].map(|nth| ids[nth]).into();
    heads.sort();
    assert_eq!(claimed, heads, "of each key the oldest");
}

#[tokio::test]
async fn a_leased_entry_goes_before_entries_that_share_its_new_key() {
    let (_directory, path) = temp_store_path();
    let (store, first) = store_of(&path, vec![put("https://h:443/1", "h:443/1")]).await;
    let lease = leased(&store, 1).await.remove(0);
    let second = put("https://h/1", "h/1");
    let second_id = second.id;
    store.enqueue(vec![second]).await.unwrap();
    let store = upgraded(2, store, &path).await;

    assert_eq!(key(&store, first[0]).await.as_deref(), Some("h/1"));
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
    assert_eq!(turn(&store, Vec::new(), 5).await.1, []);
    let delivered = ended(&lease, End::Done);
    assert_eq!(turn(&store, vec![delivered], 5).await, (vec![Settled::Applied], vec![second_id]));
}

#[tokio::test]
async fn two_leased_entries_of_one_new_key_lose_their_leases_and_are_delivered_in_order() {
    let (_directory, path) = temp_store_path();
    let (store, ids) =
        store_of(&path, vec![put("https://h:443/1", "h:443/1"), put("https://h/1", "h/1")]).await;
    let leases = leased(&store, 2).await;
    assert_eq!(leases.len(), 2);
    let third = put("https://h/1", "h/1");
    let third_id = third.id;
    store.enqueue(vec![third]).await.unwrap();
    let store = upgraded(2, store, &path).await;

    assert_in_order(&store).await;
    let delivered = leases.iter().map(|lease| ended(lease, End::Done)).collect();
    let (settled, claimed) = turn(&store, delivered, 5).await;
    assert_eq!((settled, claimed), (vec![Settled::Fenced, Settled::Fenced], vec![ids[0]]));
    assert_in_order(&store).await;
    assert_eq!(store.entry(third_id).await.unwrap().unwrap().state, State::Ready);
}

#[tokio::test]
async fn a_dead_letter_gets_the_key_of_its_first_request_and_its_overtaken_mark() {
    let (_directory, path) = temp_store_path();
    let mut dead = put("https://h:443/1", "h:443/1");
    dead.dead = Some(Reason::Rejected);
    let mut edited = put("https://h:443/2", "h:443/2");
    edited.dead = Some(Reason::Rejected);
    let (store, ids) = store_of(&path, vec![dead, edited, put("https://h/1", "h/1")]).await;
    let corrected = old(Method::PUT, "https://h:443/3", None).request;
    store.change(ids[1], Change::Edit { on: 1, request: Box::new(corrected) }).await.unwrap();
    let delivered = leased(&store, 1).await.remove(0);
    turn(&store, vec![ended(&delivered, End::Done)], 0).await;
    let store = upgraded(1, store, &path).await;

    assert_eq!(key(&store, ids[1]).await.as_deref(), Some("h/2"));
    let overtaken = async |id| store.entry(id).await.unwrap().unwrap().overtaken;
    assert_eq!((overtaken(ids[0]).await, overtaken(ids[1]).await), (Some(Overtaken::Certainly), None));
    store.change(ids[0], Change::Replay(WhenOvertaken::Refuse)).await.unwrap_err();
    store.change(ids[0], Change::Replay(WhenOvertaken::Overwrite)).await.unwrap();
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

#[tokio::test]
async fn more_entries_than_one_batch_are_all_rekeyed() {
    let (_directory, path) = temp_store_path();
    let uri = |nth: usize| format!("h:443/{}", nth / 2);
    let all = (0..1_100).map(|nth| put(&format!("https://{}", uri(nth)), &uri(nth))).collect();
    let (store, ids) = store_of(&path, all).await;
    let store = upgraded(2, store, &path).await;
    for (nth, id) in ids.iter().enumerate() {
        assert_eq!(key(&store, *id).await, Some(format!("h/{}", nth / 2)));
    }
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

/// An outage has filled the file, and nothing can be deleted before it opens.
#[tokio::test]
async fn a_file_of_the_maximum_size_is_migrated() {
    let (_directory, path) = temp_store_path();
    let all = (0..4_000).map(|nth| put(&format!("https://h/o?id={nth}"), "h/o")).collect();
    let (store, ids) = store_of(&path, all).await;
    store.close().await;
    let old = path.with_file_name("old.db");
    as_version(2, &path, &old);
    let size = std::fs::metadata(&old).unwrap().len();
    let store = SqliteStore::builder(&old).max_size(size).open().await.unwrap();
    assert_eq!(key(&store, ids[7]).await, key_of("https://h/o?id=7"));
    assert!(
        store
            .check_health()
            .await
            .unwrap()
            .iter()
            .filter(|finding| finding.what == "order")
            .all(|finding| finding.passed)
    );
}
