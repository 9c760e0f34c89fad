//! A corrupt file is reported and left unchanged.

use std::{fs, path::PathBuf};

use martello_outbox::{Filter, Store, StoreErrorKind};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::{claim, contents, entry, store_at, temp_store_path};

const DAMAGED: &str =
    "the store's file is corrupt: stop all programs that use it, keep a copy, then restore a backup";

#[tokio::test]
async fn a_corrupt_file_is_refused() {
    let (directory, path) = temp_store_path();
    store_at(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    let before = contents(directory.path());
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unusable, DAMAGED));
    assert!(contents(directory.path()) == before, "something was written");
}

/// A store with 200 entries whose requests cannot be read.
async fn with_corrupt_requests() -> (TempDir, PathBuf) {
    let (directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue((0..200).map(|_| entry()).collect()).await.unwrap();
    store.close().await;
    let mut bytes = fs::read(&path).unwrap();
    for page in bytes.chunks_exact_mut(4096).skip(1) {
        let url = b"https://api.example/plans/7";
        if page.windows(url.len()).any(|part| part == url) {
            page[..100].fill(0xff);
        }
    }
    fs::write(&path, bytes).unwrap();
    (directory, path)
}

#[tokio::test]
async fn an_unreadable_page_is_reported_and_nothing_is_written() {
    let (directory, path) = with_corrupt_requests().await;
    let before = contents(directory.path());
    let store = SqliteStore::open(&path).await.unwrap();
    let claimed = store.turn(claim(1)).await.map(drop);
    let listed = store.list(Filter::default(), None, 10).await.map(drop);
    let stored = store.enqueue(vec![entry()]).await.map(drop);
    for error in [claimed, listed, stored].map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unusable, DAMAGED));
    }
    let findings = store.check_health().await.unwrap();
    assert!(findings.iter().any(|finding| finding.what == "integrity" && !finding.passed), "{findings:?}");
    store.close().await;
    assert!(contents(directory.path()) == before, "something was written");
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let (_directory, path) = temp_store_path();
    store_at(&path).await;
    let whole = fs::metadata(&path).unwrap().len();
    fs::File::options().write(true).open(&path).unwrap().set_len(whole / 2).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unusable);
    assert!(error.to_string().contains("is corrupt"), "{error}");
    assert!(fs::read(&path).unwrap() == before, "something was written");
}

#[tokio::test]
async fn an_invalid_value_is_reported() {
    let (_directory, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    let id = store.enqueue(vec![entry()]).await.unwrap().remove(0).id();
    Connection::open(&path).unwrap().execute_batch("UPDATE outbox SET state = 9").unwrap();
    let error = store.entry(id).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unusable);
    let what =
        "the store holds an invalid state: stop all programs that use the store, then restore a backup";
    assert_eq!(error.to_string(), what);
}
