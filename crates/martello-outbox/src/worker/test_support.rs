//! Claims for the unit tests of the worker's parts, which need no store.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use tokio::time::Instant;

use super::claimed_entry::ClaimedEntry;
use crate::{
    NewEntry, QueueName, StoredRequest,
    store::{Claimed, Lease, WorkerId},
};

pub(super) const LEASE: Duration = Duration::from_secs(60);

/// A claim of a new entry for this URL, after so many holds in a row.
pub(super) fn claimed(url: &str, holds_in_row: u32) -> Claimed {
    let request = StoredRequest {
        method: Method::POST,
        uri: url.parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        sealed: false,
    };
    let entry = NewEntry::new(QueueName::default(), request.clone()).stored(Timestamp::now());
    let lease =
        Lease { id: entry.id, fence: entry.id.to_string().into(), worker: WorkerId::new("a").unwrap() };
    let until = Timestamp::now().checked_add(LEASE).unwrap();
    Claimed { lease, until, entry, request, holds_in_row }
}

/// An entry for this URL that was claimed now.
pub(super) fn claimed_entry(url: &str, holds_in_row: u32, now: Instant) -> ClaimedEntry {
    ClaimedEntry::new(&claimed(url, holds_in_row), now, now, LEASE)
}
