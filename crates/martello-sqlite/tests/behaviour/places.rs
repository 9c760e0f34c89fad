//! What cannot be a store is refused with a sentence, and stays as it was to the byte, with nothing put beside it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use martello_outbox::{Filter, Store, StoreError, StoreErrorKind};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{entry, place};

/// Every file of a directory and what is in it.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
}

/// The error of opening a store here, after which all is as it was before.
async fn refused(path: &Path) -> StoreError {
    let directory = path.parent().unwrap();
    let before = contents(directory);
    let error = SqliteStore::open(path).await.unwrap_err();
    assert_eq!(contents(directory), before);
    error
}

fn says(error: &StoreError, kind: StoreErrorKind, path: &Path, what: &str) {
    assert_eq!((error.kind(), error.to_string()), (kind, format!("{} {what}", path.display())));
}

async fn store_at(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let (_directory, path) = place();
    fs::write(&path, "business_id,address\n".repeat(500)).unwrap();
    let what = "is no SQLite database: choose another path, or move the file away";
    says(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let what = "is a database of another program: choose another path";
    for setup in [
        "CREATE TABLE orders (id)",
        "PRAGMA application_id = 7",
        "PRAGMA user_version = 3",
        "PRAGMA journal_mode = wal; CREATE TABLE orders (id)",
    ] {
        let (_directory, path) = place();
        Connection::open(&path).unwrap().execute_batch(setup).unwrap();
        says(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_directory, path) = place();
    store_at(&path).await;
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let what = "was written by a newer martello (schema 99, this one knows 1): update this program";
    says(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
}

#[tokio::test]
async fn a_directory_is_no_store_and_a_missing_one_is_not_made() {
    let (directory, path) = place();
    says(
        &SqliteStore::open(directory.path()).await.unwrap_err(),
        StoreErrorKind::Unusable,
        directory.path(),
        "is no file: give the path of one",
    );
    let missing = directory.path().join("missing");
    let error = SqliteStore::open(missing.join("outbox.db")).await.unwrap_err();
    says(&error, StoreErrorKind::Unusable, &missing, "is no directory: make it before the store");
    fs::write(&path, "").unwrap();
    let below = path.join("outbox.db");
    let error = SqliteStore::open(&below).await.unwrap_err();
    says(&error, StoreErrorKind::Unusable, &below, "cannot be a store: choose a path that can be a file");
}

#[tokio::test]
async fn who_only_looks_makes_no_store() {
    let (directory, path) = place();
    let what = "holds no store: check the path, or let it be created";
    for there in [false, true] {
        if there {
            fs::write(&path, "").unwrap();
        }
        let error = SqliteStore::builder(&path).create(false).open().await.unwrap_err();
        says(&error, StoreErrorKind::Unusable, &path, what);
        assert_eq!(contents(directory.path()).len(), usize::from(there));
    }
    // An empty file is what `touch` leaves: whoever may make a store, may make it there.
    store_at(&path).await;
    SqliteStore::builder(&path).create(false).open().await.unwrap();
}

#[tokio::test]
async fn a_name_has_no_meaning_but_its_own() {
    let (directory, _) = place();
    for name in [":memory:", "file:outbox.db?mode=memory", "a b%20c?immutable=1#d", "outbox-é.db"] {
        let path = directory.path().join(name);
        store_at(&path).await;
        assert!(path.is_file(), "{name}");
    }
    #[cfg(unix)]
    {
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join(":memory:"), &link).unwrap();
        let store = SqliteStore::open(&link).await.unwrap();
        assert_eq!(store.count(Filter::default()).await.unwrap(), 1, "what it points to");
    }
}

/// The rights of a directory mean nothing to a superuser, but nobody may make a file here.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_nothing_may_be_written_no_store_is_made() {
    let path = Path::new("/proc/self/outbox.db");
    let error = SqliteStore::open(path).await.unwrap_err();
    says(
        &error,
        StoreErrorKind::ReadOnly,
        path,
        "cannot be made: give this user the right to write to its directory",
    );
}

#[tokio::test]
async fn a_file_that_may_not_be_written_is_refused() {
    let (_directory, path) = place();
    store_at(&path).await;
    let mut rights = fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(&path, rights).unwrap();
    if fs::OpenOptions::new().append(true).open(&path).is_ok() {
        writeln!(std::io::stderr(), "skipped: to this user, every file may be written").unwrap();
        return;
    }
    let what = "may not be written to: give this user the right to";
    says(&refused(&path).await, StoreErrorKind::ReadOnly, &path, what);
}

#[tokio::test]
async fn a_damaged_file_is_reported_and_left_alone() {
    let (_directory, path) = place();
    store_at(&path).await;
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte = 0xA5;
    }
    fs::write(&path, &bytes).unwrap();
    let damaged = "the store's file is damaged: stop what uses it, keep a copy, and restore a backup";
    let error = refused(&path).await;
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unusable, damaged));
}

#[tokio::test]
async fn a_file_that_another_program_holds_is_waited_for_only_so_long() {
    let (_directory, path) = place();
    let store = SqliteStore::builder(&path).busy_timeout(Duration::from_millis(50)).open().await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.enqueue(vec![entry()]).await.unwrap_err();
    let busy = "another process held the store's file for too long: try again, and look who has it open";
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unavailable, busy));
    other.execute_batch("ROLLBACK").unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    assert_eq!(store.count(Filter::default()).await.unwrap(), 1, "what failed was not stored");
}
