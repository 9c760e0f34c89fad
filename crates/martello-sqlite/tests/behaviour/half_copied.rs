//! A crash while the log was being copied into the file.

use std::{fs, path::PathBuf};

use martello_outbox::{Filter, State, Store, StoreErrorKind};
use martello_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::support::{entry, temp_store_path};

const PAGE: usize = 4096;

/// What is on the disk when a process is killed that had copied the first page and none of the others: SQLite copies
/// them in their order, and the first says how many there are.
#[expect(clippy::indexing_slicing, reason = "a log that is shorter fails the test")]
async fn half_copied() -> (TempDir, PathBuf) {
    let (_original, path) = temp_store_path();
    let store = SqliteStore::open(&path).await.unwrap();
    store.enqueue((0..20).map(|_| entry()).collect()).await.unwrap();
    let (directory, copy) = temp_store_path();
    let log = fs::read(path.with_extension("db-wal")).unwrap();
    let mut file = fs::read(&path).unwrap();
    // A header of 32 bytes, then pages, each with a header of 24 bytes that begins with the page's number.
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
async fn a_store_whose_log_was_half_copied_when_it_crashed_opens_with_all_that_is_in_it() {
    let (_directory, path) = half_copied().await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), 20);
    assert!(store.examine().await.unwrap().iter().all(|finding| finding.well));
}

#[cfg(unix)]
#[tokio::test]
async fn the_log_is_beside_what_a_link_leads_to() {
    let (_directory, path) = half_copied().await;
    let (_elsewhere, link) = temp_store_path();
    std::os::unix::fs::symlink(path, &link).unwrap();
    let store = SqliteStore::open(&link).await.unwrap();
    assert_eq!(store.count(Filter::state(State::Ready)).await.unwrap(), 20);
}

#[tokio::test]
async fn without_its_log_it_is_damaged_and_stays_as_it_was() {
    let (directory, path) = half_copied().await;
    fs::remove_file(path.with_extension("db-wal")).unwrap();
    let before = fs::read(&path).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unusable, "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}
