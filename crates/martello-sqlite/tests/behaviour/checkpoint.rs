//! `SqliteCheckpoint` passes the conformance suite of `CheckpointStore`.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;
use martello_poll::{
    Acquired, Checkpoint, CheckpointErrorKind, CheckpointStore, Delivered, Fence, Held, ItemPosition,
    NewParked, Parked, ParkedFilter, Save, Saved,
    conformance::{self, BoxError},
};
use martello_sqlite::{SqliteCheckpoint, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{as_version, temp_store_path};

/// A file in a temporary directory.
struct InFile {
    _directory: TempDir,
    path: PathBuf,
}

impl conformance::Engine for InFile {
    type Store = SqliteCheckpoint;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        let (directory, path) = temp_store_path();
        Ok(Some(Self { _directory: directory, path }))
    }

    async fn open(&self) -> Result<SqliteCheckpoint, BoxError> {
        Ok(SqliteStore::open(&self.path).await?.checkpoint("plannings")?)
    }
}

conformance::tests!(InFile);

const LEASE: Duration = Duration::from_secs(60);

async fn held(checkpoint: &SqliteCheckpoint) -> Held {
    match checkpoint.acquire(LEASE).await.unwrap() {
        Acquired::Held(held) => held,
        Acquired::HeldElsewhere => unreachable!("another poller holds the checkpoint"),
    }
}

/// A time that is not a whole microsecond.
fn moment() -> Timestamp {
    "2024-11-29T10:00:00.123456789Z".parse().unwrap()
}

fn parked(key: &str, json: String) -> NewParked {
    NewParked {
        key: key.to_owned(),
        stamp: Some(moment()),
        position: ItemPosition { page: 1, item: 0 },
        json,
        reason: "no \0 such depot".to_owned(),
        parked_at: moment(),
    }
}

fn save(park: Vec<NewParked>) -> Save {
    let delivered = vec![Delivered { stamp: moment(), key: "a\0b".to_owned() }];
    let checkpoint =
        Checkpoint { source: "s".to_owned(), start: Some(moment()), watermark: Some(moment()), delivered };
    Save { checkpoint, park, unpark: Vec::new() }
}

async fn saved(checkpoint: &SqliteCheckpoint, fence: Fence, save: Save) {
    assert_eq!(checkpoint.save(fence, save).await.unwrap(), Saved::Saved);
}

async fn all(checkpoint: &SqliteCheckpoint) -> Vec<Parked> {
    checkpoint.parked(ParkedFilter::default()).await.unwrap()
}

#[tokio::test]
async fn a_saved_checkpoint_is_read_back_exactly_after_reopening() {
    let (_directory, path) = temp_store_path();
    let item = parked("a\0b", r#"{"id": "a\u0000b", "n": 1.50}"#.to_owned());
    let (checkpoint, first) = {
        let store = SqliteStore::open(&path).await.unwrap();
        let checkpoint = store.checkpoint("plannings").unwrap();
        let first = held(&checkpoint).await.fence;
        saved(&checkpoint, first, save(vec![item.clone()])).await;
        checkpoint.release(first).await.unwrap();
        store.close().await;
        (save(Vec::new()).checkpoint, first)
    };
    let store = SqliteStore::open(&path).await.unwrap().checkpoint("plannings").unwrap();
    assert_eq!(all(&store).await[0].item, item);
    let held = held(&store).await;
    assert_eq!(held.checkpoint, Some(checkpoint));
    assert_ne!(held.fence, first);
    saved(&store, held.fence, save(vec![item])).await;
    assert_eq!(all(&store).await.len(), 1, "it is the same");
}

#[tokio::test]
async fn polls_in_one_file_are_independent() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let (one, two) = (store.checkpoint("one").unwrap(), store.checkpoint("two").unwrap());
    let (mine, theirs) = (held(&one).await, held(&two).await);
    saved(&one, mine.fence, save(vec![parked("a", "{}".to_owned())])).await;
    assert_eq!(two.save(mine.fence, save(Vec::new())).await.unwrap(), Saved::Fenced);
    assert!(!two.renew(mine.fence, LEASE).await.unwrap());
    two.release(theirs.fence).await.unwrap();
    assert!(held(&two).await.checkpoint.is_none());
    assert!(all(&two).await.is_empty());
    let ids: Vec<_> = all(&one).await.iter().map(|parked| parked.id).collect();
    assert_eq!(two.redeliver(ids.clone()).await.unwrap(), 0);
    assert_eq!(two.discard(ids.clone()).await.unwrap(), 0);
    assert_eq!(one.discard([ids.clone(), ids].concat()).await.unwrap(), 1, "one, however often it is named");
}

#[tokio::test]
async fn a_save_that_exceeds_the_bytes_of_parked_items_is_refused_as_a_whole() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap().checkpoint("plannings").unwrap();
    let fence = held(&store).await.fence;
    // Letters of two bytes each: this is twice the limit of bytes.
    let large = |n: usize| parked(&n.to_string(), "é".repeat(Parked::MAX_BYTES / 64));
    let error = store.save(fence, save((0..33).map(large).collect())).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Full);
    assert!(all(&store).await.is_empty());
    saved(&store, fence, save((0..32).map(large).collect())).await;
    assert_eq!(all(&store).await.len(), 32);
}

#[tokio::test]
async fn an_invalid_poll_name_is_refused() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    for name in ["", "a b", "é", &"p".repeat(65)] {
        let error = store.checkpoint(name).unwrap_err().to_string();
        let expected = "but must be 1 to 64 ASCII letters, digits, dots, hyphens or underscores";
        assert_eq!(error, format!("`poll` is {name:?}, {expected}"));
    }
    store.checkpoint(&"p".repeat(64)).unwrap();
}

#[tokio::test]
async fn an_error_tells_whether_the_poll_can_continue() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let checkpoint = store.checkpoint("plannings").unwrap();
    let fence = held(&checkpoint).await.fence;
    saved(&checkpoint, fence, save(Vec::new())).await;
    checkpoint.release(fence).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("UPDATE checkpoint SET saved = substr(saved, 1, 20)").unwrap();
    let error = checkpoint.acquire(LEASE).await.unwrap_err();
    assert_eq!(error.kind(), CheckpointErrorKind::Unusable);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("the store holds an invalid checkpoint"), "{cause}");
    store.close().await;
    assert_eq!(checkpoint.acquire(LEASE).await.unwrap_err().kind(), CheckpointErrorKind::Unavailable);
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_is_an_error_and_not_a_fresh_start() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap().checkpoint("plannings").unwrap();
    let held = held(&store).await;
    saved(&store, held.fence, save(Vec::new())).await;
    store.release(held.fence).await.unwrap();
    let connection = Connection::open(&path).unwrap();
    for damage in ["'null'", "''", "'{}'", "substr(saved, 1, 20)", "CAST(x'ff' AS TEXT)"] {
        connection.execute(&format!("UPDATE checkpoint SET saved = {damage}"), []).unwrap();
        let error = store.acquire(LEASE).await.unwrap_err();
        assert_eq!(error.kind(), CheckpointErrorKind::Unusable, "{damage}");
    }
}

#[tokio::test]
async fn a_checkpoint_without_a_start_is_read_unchanged() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap().checkpoint("plannings").unwrap();
    let first = held(&store).await.fence;
    saved(&store, first, save(Vec::new())).await;
    store.release(first).await.unwrap();
    let text = r#"{"source":"s","watermark":"2024-11-29T10:00:00.123456789Z","delivered":[{"stamp":"2024-11-29T10:00:00.123456789Z","key":"a\u0000b"}]}"#;
    let connection = Connection::open(&path).unwrap();
    connection.execute("UPDATE checkpoint SET saved = ?1", [text]).unwrap();
    let expected = Checkpoint { start: None, ..save(Vec::new()).checkpoint };
    assert_eq!(held(&store).await.checkpoint, Some(expected));
}

#[tokio::test]
async fn an_item_parked_by_an_older_version_is_recognised() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let checkpoint = store.checkpoint("plannings").unwrap();
    let fence = held(&checkpoint).await.fence;
    let item = |nth: usize| parked("", format!("{{\"n\": {nth}, \"name\": \"é\"}}"));
    saved(&checkpoint, fence, save((0..1_001).map(item).collect())).await;
    let before = all(&checkpoint).await;
    drop(checkpoint);
    store.close().await;
    let old = path.with_file_name("old.db");
    as_version(2, &path, &old);
    let checkpoint = SqliteStore::open(&old).await.unwrap().checkpoint("plannings").unwrap();
    assert_eq!(all(&checkpoint).await, before);
    saved(&checkpoint, fence, save((0..1_002).map(item).collect())).await;
    let all = checkpoint.parked(ParkedFilter { limit: 2_000, ..ParkedFilter::default() }).await.unwrap();
    assert_eq!(all.len(), 1_002);
}
