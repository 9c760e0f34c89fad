//! A path that cannot be a store is refused with a reason. The file is unchanged to the byte, and nothing is
//! created beside it.

use std::{fs, io::Write, path::Path, time::Duration};

use martello_outbox::{Filter, Store, StoreError, StoreErrorKind};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;

use crate::support::{contents, store_at, temp_store_path};

/// The error of opening a store at this path. Checks that nothing has changed.
async fn refused(path: &Path) -> StoreError {
    let directory = path.parent().unwrap();
    let before = contents(directory);
    let error = SqliteStore::open(path).await.unwrap_err();
    assert_eq!(contents(directory), before);
    error
}

fn assert_error(error: &StoreError, kind: StoreErrorKind, path: &Path, what: &str) {
    assert_eq!((error.kind(), error.to_string()), (kind, format!("{} {what}", path.display())));
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused() {
    let begins_like_one = format!("SQLite format 3\0{}", "business_id,address\n".repeat(500));
    for content in ["{}", &"business_id,address\n".repeat(500), &begins_like_one] {
        let (_directory, path) = temp_store_path();
        fs::write(&path, content).unwrap();
        let what = "is not a SQLite database: choose another path, or move the file away";
        assert_error(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
    }
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let what = "is a database of another program: choose another path";
    for setup in [
        "CREATE TABLE orders (id)",
        "CREATE VIEW orders AS SELECT 1",
        "PRAGMA application_id = 7",
        "PRAGMA application_id = 7; CREATE TABLE entry (id)",
        "PRAGMA user_version = 3",
        "PRAGMA journal_mode = wal; CREATE TABLE orders (id)",
    ] {
        let (_directory, path) = temp_store_path();
        let other = Connection::open(&path).unwrap();
        other.execute_batch(setup).unwrap();
        assert_error(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
        drop(other);
        assert_error(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let (_directory, path) = temp_store_path();
    store_at(&path).await;
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let what =
        "was written by a newer version of martello (schema 99; this program knows 3): update this program";
    assert_error(&refused(&path).await, StoreErrorKind::Unusable, &path, what);
}

#[tokio::test]
async fn a_newer_schema_that_is_only_in_the_log_is_refused() {
    let (_directory, path) = temp_store_path();
    store_at(&path).await;
    let newer = Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 4").unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    let what =
        "was written by a newer version of martello (schema 4; this program knows 3): update this program";
    assert_error(&error, StoreErrorKind::Unusable, &path, what);
}

#[tokio::test]
async fn a_directory_is_refused_and_a_missing_one_is_not_created() {
    let (directory, path) = temp_store_path();
    assert_error(
        &SqliteStore::open(directory.path()).await.unwrap_err(),
        StoreErrorKind::Unusable,
        directory.path(),
        "is not a regular file: give the path of a file",
    );
    let missing = directory.path().join("missing");
    let error = SqliteStore::open(missing.join("outbox.db")).await.unwrap_err();
    assert_error(&error, StoreErrorKind::Unusable, &missing, "is not a directory: create it first");
    fs::write(&path, "").unwrap();
    let below = path.join("outbox.db");
    let error = SqliteStore::open(&below).await.unwrap_err();
    assert_error(&error, StoreErrorKind::Unusable, &below, "cannot be opened: give the path of a file");
}

#[tokio::test]
async fn with_create_off_no_store_is_created() {
    let (directory, path) = temp_store_path();
    let what = "holds no store: check the path, or allow the store to be created";
    for there in [false, true] {
        if there {
            fs::write(&path, "").unwrap();
        }
        let error = SqliteStore::builder(&path).create(false).open().await.unwrap_err();
        assert_error(&error, StoreErrorKind::Unusable, &path, what);
        assert_eq!(contents(directory.path()).len(), usize::from(there));
    }
    // `touch` leaves an empty file: a store may be created in it.
    store_at(&path).await;
    SqliteStore::builder(&path).create(false).open().await.unwrap();
}

#[tokio::test]
async fn a_path_has_no_special_meaning_to_sqlite() {
    let (directory, _) = temp_store_path();
    for name in ["file:outbox.db?mode=memory", "a b%20c?immutable=1#d", "outbox-é.db"] {
        let path = directory.path().join(name);
        store_at(&path).await;
        assert!(path.is_file(), "{name}");
    }
    #[cfg(unix)]
    {
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("outbox-é.db"), &link).unwrap();
        let store = SqliteStore::open(&link).await.unwrap();
        assert_eq!(store.count(Filter::default()).await.unwrap(), 1, "what it points to");
    }
}

#[tokio::test]
async fn a_path_without_a_regular_file_is_refused() {
    let error = SqliteStore::open("").await.unwrap_err();
    let what = "the path of the store is empty: give the path of a file";
    assert_eq!((error.kind(), error.to_string().as_str()), (StoreErrorKind::Unusable, what));
    let (directory, _) = temp_store_path();
    let memory = directory.path().join(":memory:");
    let what = "is in memory and would be lost with the process: give the path of a file";
    assert_error(&refused(&memory).await, StoreErrorKind::Unusable, &memory, what);
    let device = Path::new("/dev/null");
    if cfg!(unix) {
        let error = SqliteStore::open(device).await.unwrap_err();
        assert_error(
            &error,
            StoreErrorKind::Unusable,
            device,
            "is not a regular file: give the path of a file",
        );
    }
}

#[tokio::test]
async fn the_error_names_the_option_out_of_range() {
    let (directory, path) = temp_store_path();
    let builder = || SqliteStore::builder(&path);
    for (builder, what) in [
        (builder().busy_timeout(Duration::from_secs(601)), "busy_timeout"),
        (builder().max_batch(0), "max_batch"),
        (builder().max_waiting(100_001), "max_waiting"),
        (builder().readers(0), "readers"),
        (builder().max_size(1024), "max_size"),
    ] {
        let error = builder.open().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid);
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(contents(directory.path()).is_empty());
}

/// A superuser may write to every directory, but no one may create a file in this one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn where_no_file_can_be_created_opening_fails() {
    let path = Path::new("/proc/self/outbox.db");
    let error = SqliteStore::open(path).await.unwrap_err();
    assert_error(
        &error,
        StoreErrorKind::ReadOnly,
        path,
        "cannot be created: allow this user to write to its directory",
    );
}

#[tokio::test]
async fn a_read_only_file_is_refused() {
    let (_directory, path) = temp_store_path();
    store_at(&path).await;
    let mut rights = fs::metadata(&path).unwrap().permissions();
    rights.set_readonly(true);
    fs::set_permissions(&path, rights).unwrap();
    if fs::OpenOptions::new().append(true).open(&path).is_ok() {
        writeln!(std::io::stderr(), "skipped: to this user, every file may be written").unwrap();
        return;
    }
    let what = "is not writable: allow this user to write to it";
    assert_error(&refused(&path).await, StoreErrorKind::ReadOnly, &path, what);
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_directory_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (directory, path) = temp_store_path();
    store_at(&path).await;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(directory.path().join("probe"), "").is_ok() {
        writeln!(std::io::stderr(), "skipped: this user may write to every directory").unwrap();
        return;
    }
    let what = "has a -wal or -shm file that cannot be written: allow this user to write to its directory";
    assert_error(&refused(&path).await, StoreErrorKind::ReadOnly, &path, what);
    let path = directory.path().join("another.db");
    let what = "cannot be created: allow this user to write to its directory";
    assert_error(&refused(&path).await, StoreErrorKind::ReadOnly, &path, what);
}
