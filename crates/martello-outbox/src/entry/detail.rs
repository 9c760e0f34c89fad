use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AttemptRecord, Entry, StoredRequest, state::words};
use crate::InvalidEntry;

/// An entry with its requests, attempts and events.
#[derive(Clone, Debug, PartialEq)]
pub struct Detail {
    /// The summary of the entry.
    pub entry: Entry,
    /// Its requests: the first as it was stored, the last as it is sent next.
    pub revisions: Vec<Revision>,
    /// Every attempt ever made that has ended, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Its other events, in order.
    pub events: Vec<EntryEvent>,
}

/// One version of an entry's request.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Its number, from 1.
    pub number: u32,
    /// When it was made.
    pub at: Timestamp,
    /// The request.
    pub request: StoredRequest,
}

/// An event of an entry, other than an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// A detail: the reason of a dead letter, the number of a revision, or the id of a job or another entry.
    pub detail: Option<Box<str>>,
}

words! {
    /// The kind of an [`EntryEvent`].
    EventKind, "event", "one of the words of `EventKind`" {
        /// It became a dead letter; the detail is the [`Reason`](crate::Reason).
        DeadLettered = "died",
        /// It was cancelled by hand.
        Cancelled = "cancelled",
        /// A newer entry of its key superseded it; the detail is that entry's id.
        Superseded = "superseded",
        /// A new revision was made; the detail is its number.
        Edited = "edited",
        /// It was put back into the queue; the detail is the job's id, if one did it.
        Replayed = "replayed",
        /// The job that replayed it was cancelled before a worker claimed it; the detail is the job's id.
        Returned = "returned",
        /// It was protected from purges.
        Protected = "kept",
        /// It is no longer protected from purges.
        Unprotected = "unkept",
    }
}
