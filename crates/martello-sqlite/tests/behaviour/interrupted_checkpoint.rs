//! A crash during a checkpoint of the write-ahead log.

use std::{fs, path::PathBuf};

use martello_outbox::{Filter, State, Store, StoreErrorKind};
use martello_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::support::{entry, temp_store_path};

const PAGE: usize = 4096;

/// The state on disk when a process is killed after it copied the first page and no other. SQLite copies the
/// pages in order, and the first one holds their number.
#[expect(clippy::indexing_slicing, reason = "a log that is shorter fails the test")]
async fn interrupted() -> (TempDir, PathBuf) {
    let (_original, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue((0..20).map(|_| entry()).collect()).await.unwrap();
    let (directory, copy) = temp_store_path();
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    let mut file = fs::read(&path).unwrap();
    // The log has a header of 32 bytes, then pages, each with a header of 24 bytes that starts with the page
    // number.
    let mut frames = log[32..].chunks_exact(24 + PAGE).rev();
    let first = frames.find(|frame| frame[..4] == 1_u32.to_be_bytes()).unwrap();
    file[..PAGE].copy_from_slice(&first[24..]);
    let pages = u32::from_be_bytes(file[28..32].try_into().unwrap());
    assert!(file.len() < usize::try_from(pages).unwrap() * PAGE, "it says that it is longer than it is");
    fs::write(copy.with_extension("db-wal"), log).unwrap();
    fs::write(&copy, file).unwrap();
    (directory, copy)
}

#[tokio::test]
async fn a_store_opens_completely_after_a_crash_during_a_checkpoint() {
    let (_directory, path) = interrupted().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), 20);
    assert!(store.check_health().await.unwrap().iter().all(|finding| finding.passed));
}

#[cfg(unix)]
#[tokio::test]
async fn the_log_is_beside_the_target_of_a_link() {
    let (_directory, path) = interrupted().await;
    let (_elsewhere, link) = temp_store_path();
    std::os::unix::fs::symlink(path, &link).unwrap();
    let store = SqliteStore::open(&link).await.unwrap();
    assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), 20);
}

#[tokio::test]
async fn without_its_log_the_file_is_corrupt_and_unchanged() {
    let (directory, path) = interrupted().await;
    fs::remove_file(path.with_extension("db-wal")).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unusable, "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
