use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Filter;
use crate::InvalidEntry;

/// The name of a replay: a UUID of version 7 (RFC 9562 §5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// A new id.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// The sixteen bytes of the id, as an engine stores them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl Default for JobId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for JobId {
    type Err = InvalidEntry;

    fn from_str(text: &str) -> Result<Self, InvalidEntry> {
        Uuid::parse_str(text).map(Self).map_err(|_| InvalidEntry::new("job", "a UUID"))
    }
}

/// A replay of many dead letters at a rate: durable, because it is nothing but the times at which its entries are due.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayJob {
    /// Its name.
    pub id: JobId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// What was replayed.
    pub filter: Filter,
    /// How many in each second.
    pub per_second: f64,
    /// How many it put back.
    pub total: u64,
    /// Of these, those that were made dead letters again when it was cancelled; the count stays, whatever becomes of
    /// them.
    pub returned: u64,
    /// Of the rest, those that wait or are with a worker.
    pub pending: u64,
    /// Those delivered.
    pub done: u64,
    /// Those that died again. Total less the sum of these are cancelled, purged, pruned or replayed once more.
    pub dead: u64,
}

impl ReplayJob {
    /// The most entries of one replay: it is one transaction, and others wait for it.
    pub const MOST: u64 = 100_000;
}
