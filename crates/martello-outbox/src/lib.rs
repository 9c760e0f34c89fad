#![doc = include_str!("../README.md")]

mod builder;
mod disposition;
#[cfg(feature = "engine")]
pub mod engine;
mod entry;
mod key_lock;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod not_stored;
mod options;
mod order;
mod outbox;
mod seal;
mod sent;
mod settings;
pub mod store;
mod store_calls;
mod ticket;
mod worker;

pub use builder::OutboxBuilder;
pub use entry::{
    AttemptRecord, Detail, Enqueued, Entry, EntryEvent, EntryId, EventKind, InvalidEntry, NewEntry, OrderKey,
    Overtaken, QueueName, Reason, Revision, State, StoredRequest, WhenOvertaken, WhenPending,
};
pub use layer::{OutboxFuture, OutboxLayer, OutboxService};
pub use martello_outcome::{ConfigError, Outcome, TrackingId};
#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;
pub use not_stored::{NotStored, NotStoredKind};
pub use options::OutboxOptions;
pub use outbox::Outbox;
pub use seal::Sealing;
pub use sent::Sent;
#[doc(inline)]
pub use store::{
    Change, Check, Cursor, Filter, HeldAuthority, JobId, MemoryStore, Page, Purge, QueueStats, ReplayJob,
    Store, StoreError, StoreErrorKind,
};
pub use ticket::Ticket;
pub use worker::{
    RunningWorker, Worker, WorkerHealth, WorkerMonitor, WorkerOptions, WorkerOptionsBuilder, WorkerPhase,
};
