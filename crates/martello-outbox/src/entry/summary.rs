use http::{Method, StatusCode, Uri};
use jiff::Timestamp;
use martello_outcome::{Outcome, TrackingId};

use super::{EntryId, JobId, OrderKey, Overtaken, QueueName, Reason, State};

/// The summary of an entry, without its requests and its history.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The id.
    pub id: EntryId,
    /// The queue.
    pub queue: QueueName,
    /// The state.
    pub state: State,
    /// Why it is a dead letter, or was one last.
    pub reason: Option<Reason>,
    /// The method of its last revision.
    pub method: Method,
    /// The full URL of its last revision. Mask it before you show it.
    pub uri: Uri,
    /// The number of its last revision, from 1.
    pub revision: u32,
    /// The key that orders it.
    pub order_key: Option<OrderKey>,
    /// The key that identifies duplicates.
    pub dedup_key: Option<Box<str>>,
    /// Whether it may be sent again when an earlier attempt may have been processed.
    pub repeatable: bool,
    /// The number of attempts ever made, by the layer and by workers, with the one in progress.
    pub attempts: u32,
    /// The claims since it was stored or replayed that count towards [`Entry::max_attempts`].
    pub tries: u32,
    /// The maximum of `tries`.
    pub max_attempts: u32,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it may be delivered next.
    pub due_at: Timestamp,
    /// When it expires and becomes a dead letter.
    pub expires_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// The outcome of the last attempt that ended.
    pub last_outcome: Option<Outcome>,
    /// The status of that attempt.
    pub last_status: Option<StatusCode>,
    /// The tracking id of that attempt.
    pub last_tracking_id: Option<TrackingId>,
    /// Whether it is protected from purges.
    pub protected: bool,
    /// The job that replayed it last, unless it was replayed alone since.
    pub job: Option<JobId>,
    /// The entry that superseded it.
    pub superseded_by: Option<EntryId>,
    /// Whether a newer request of its queue and key has reached the API since it became a dead letter. A
    /// replay would overwrite that request.
    pub overtaken: Option<Overtaken>,
}
