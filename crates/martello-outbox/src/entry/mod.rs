//! The entries of an outbox: requests with their options, attempts and events.

mod attempt;
mod detail;
mod id;
mod key;
mod name;
mod new;
mod request;
mod state;
mod summary;

pub use attempt::AttemptRecord;
pub use detail::{Detail, EntryEvent, EventKind, Revision};
pub use id::{EntryId, JobId};
pub use key::{KeyState, Overtaken, WhenOvertaken};
pub use name::{InvalidEntry, OrderKey, QueueName};
pub use new::{Enqueued, NewEntry, WhenPending};
pub use request::StoredRequest;
pub use state::{Reason, State};
pub use summary::Entry;
