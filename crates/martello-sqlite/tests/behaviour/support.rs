//! What the tests store and ask for.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use martello_outbox::{NewEntry, OrderKey, QueueName, Store, StoredRequest, Turn, WorkerId};
use martello_sqlite::SqliteStore;
use tempfile::TempDir;

/// A directory that goes away, and the path of a store in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    (directory, path)
}

/// Every file of a directory and what is in it.
pub(crate) fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    files.map(|path| (path.clone(), fs::read(&path).unwrap_or_default())).collect()
}

/// Makes a store with one entry in it, and closes it.
pub(crate) async fn store_at(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    store.enqueue(vec![entry()]).await.unwrap();
    store.close().await;
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

/// A turn that claims up to so many.
pub(crate) fn claim(claim: usize) -> Turn {
    Turn {
        queue: QueueName::default(),
        worker: WorkerId::new("worker").unwrap(),
        settle: Vec::new(),
        claim,
        cap: 5,
        lease: Duration::from_secs(60),
    }
}
