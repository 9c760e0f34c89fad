use jiff::Timestamp;
use serde::Serialize;

use super::Filter;
use crate::JobId;

/// A replay of many dead letters at a rate. It is durable, because each entry has its own due time.
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
    /// Of these, those that were made dead letters again when it was cancelled; the count stays, whatever
    /// becomes of them.
    pub returned: u64,
    /// Of the rest, those that wait or are with a worker.
    pub pending: u64,
    /// Those delivered.
    pub done: u64,
    /// Those that died again. Total less the sum of these are cancelled, purged, pruned or replayed once
    /// more.
    pub dead: u64,
}

impl ReplayJob {
    /// The most entries of one replay: it is one transaction, and others wait for it.
    pub const MOST: u64 = 100_000;
}
