//! Entries, files and turns that several tests use.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use martello_outbox::{
    NewEntry, OrderKey, QueueName, Store, StoredRequest,
    store::{Turn, WorkerId},
};
use martello_sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

/// A temporary directory, and the path of a store in it.
pub(crate) fn temp_store_path() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    (directory, path)
}

/// Every file in a directory with its content.
pub(crate) fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
}

/// Creates a store with one entry in it, and closes it.
pub(crate) async fn store_at(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    store.close().await;
}

/// Copies a store to a file with the schema of this version.
pub(crate) fn as_version(version: usize, store: &Path, file: &Path) {
    let old = Connection::open(file).unwrap();
    old.execute_batch("PRAGMA journal_mode = wal; PRAGMA application_id = 0x4d746c6f").unwrap();
    let steps = [include_str!("../../src/schema_1.sql"), include_str!("../../src/schema_2.sql")];
    for step in steps.iter().take(version) {
        old.execute_batch(step).unwrap();
    }
    old.execute("ATTACH ? AS new", [store.to_str().unwrap()]).unwrap();
    for table in
        texts(&old, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    {
        let today = if table == "entry" { "outbox" } else { &table };
        let both = format!(
            "SELECT name FROM pragma_table_info('{table}', 'main')
             INTERSECT SELECT name FROM pragma_table_info('{today}', 'new')"
        );
        let columns = texts(&old, &both).join(", ");
        old.execute_batch(&format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{today}"))
            .unwrap();
    }
    old.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
}

/// The first column of a query's rows.
pub(crate) fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

pub(crate) fn request(body: &'static str) -> StoredRequest {
    StoredRequest {
        method: http::Method::PUT,
        uri: "https://api.example/plans/7?token=q-secret".parse().unwrap(),
        headers: http::HeaderMap::new(),
        body: body.into(),
        sealed: false,
    }
}

pub(crate) fn entry() -> NewEntry {
    NewEntry::new(QueueName::default(), request("{}"))
}

pub(crate) fn keyed(key: &str) -> NewEntry {
    let mut entry = entry();
    entry.order_key = Some(OrderKey::new(key).unwrap());
    entry
}

/// A turn that claims up to this many entries.
pub(crate) fn claim(claim: usize) -> Turn {
    Turn {
        queue: QueueName::default(),
        worker: WorkerId::new("worker").unwrap(),
        settle: Vec::new(),
        claim,
        cap: 5,
        lease_duration: Duration::from_secs(60),
    }
}
