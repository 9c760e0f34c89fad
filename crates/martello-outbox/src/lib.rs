#![doc = include_str!("../README.md")]

mod entry;
mod store;

pub use entry::{
    AttemptRecord, Detail, Enqueued, Entry, EntryEvent, EntryId, EventKind, InvalidEntry, NewEntry, OrderKey,
    QueueName, Reason, Revision, State, StoredRequest, WhenPending,
};
pub use martello_outcome::{ConfigError, Outcome, TrackingId};
pub use store::{
    Change, Claimed, Clock, Cursor, End, Filter, Finding, JobId, Lease, ManualClock, Page, Purge, QueueStats,
    ReplayJob, Settled, Settlement, Store, StoreError, StoreErrorKind, StoreFuture, Turn, Turned, Watch,
    WorkerId,
};
