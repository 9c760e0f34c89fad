//! What the tests store and ask for.

use std::{path::PathBuf, time::Duration};

use martello_outbox::{NewEntry, OrderKey, QueueName, StoredRequest, Turn, WorkerId};
use tempfile::TempDir;

/// A directory that goes away, and the path of a store in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("outbox.db");
    (directory, path)
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
