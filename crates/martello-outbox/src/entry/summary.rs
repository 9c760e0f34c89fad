use http::{Method, StatusCode, Uri};
use jiff::Timestamp;
use martello_outcome::{Outcome, TrackingId};

use super::{EntryId, JobId, OrderKey, Overtaken, QueueName, Reason, State};

/// An entry at a glance: all but its requests and its history.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// Its queue.
    pub queue: QueueName,
    /// Where it stands.
    pub state: State,
    /// Why it is a dead letter, or last was one.
    pub reason: Option<Reason>,
    /// The method of its last revision.
    pub method: Method,
    /// The target of its last revision, in full: mask it before you show it.
    pub uri: Uri,
    /// The number of its last revision, from 1.
    pub revision: u32,
    /// What it is ordered by.
    pub order_key: Option<OrderKey>,
    /// What it is told from duplicates by.
    pub dedup_key: Option<Box<str>>,
    /// Whether it may be sent again when an earlier attempt may have been processed.
    pub repeatable: bool,
    /// The attempts ever made, at the door and by workers, the one under way included: the number of the last.
    pub attempts: u32,
    /// The claims that count towards [`Entry::max_attempts`]: since it was stored, or was replayed.
    pub tries: u32,
    /// How many of these it may have.
    pub max_attempts: u32,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it may next be delivered.
    pub due_at: Timestamp,
    /// When it is given up on.
    pub expires_at: Timestamp,
    /// When it came into its state.
    pub changed_at: Timestamp,
    /// How the last attempt that ended did so.
    pub last_outcome: Option<Outcome>,
    /// The status of that attempt.
    pub last_status: Option<StatusCode>,
    /// The server's name for that attempt.
    pub last_tracking_id: Option<TrackingId>,
    /// Whether it is protected from purges.
    pub protected: bool,
    /// The job that replayed it last, unless it was replayed singly since.
    pub job: Option<JobId>,
    /// The entry that took its place.
    pub superseded_by: Option<EntryId>,
    /// Whether a newer request of its queue and key has reached the API while this one was a dead letter: replayed, it
    /// would overwrite that.
    pub overtaken: Option<Overtaken>,
}
