#![doc = include_str!("../README.md")]

mod batch;
mod checkpoint;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "engine")]
pub mod engine;
mod error;
mod event;
mod issue;
mod item;
mod options;
mod poller;
mod source;

pub use batch::Batch;
pub use checkpoint::{
    Acquired, Checkpoint, CheckpointError, CheckpointErrorKind, CheckpointFuture, CheckpointStore, Delivered,
    Fence, FileCheckpoint, Held, MemoryCheckpoint, NewParked, Parked, ParkedFilter, ParkedId, Save, Saved,
};
pub use error::{PollError, PollErrorKind, ResyncReason};
pub use event::Event;
pub use issue::{ItemIssue, ItemIssueKind};
pub use item::{Item, ItemPosition, ItemVersion};
pub use martello_outcome::{BoxError, ConfigError, TrackingId};
pub use martello_paginate::{
    JsonCursor, JsonLink, PageError, PageErrorKind, PageResponse, Paged, ParseError, ParsedPage, Position,
    QueryName,
};
pub use options::{PollOptions, PollOptionsBuilder};
pub use poller::{Poller, Stopper};
pub use serde_json::value::RawValue;
pub use source::{Boundary, JsonSince, Source};
