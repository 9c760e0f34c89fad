#![doc = include_str!("../README.md")]

mod abandoned;
mod attempts;
mod bodiless;
mod call_options;
mod classifier;
mod config_error;
mod date;
mod doubt;
mod error;
mod fault;
mod head;
mod id;
mod notes;
mod outcome;
mod printable;
mod queued;
mod repeatable;
mod retry_after;

pub use abandoned::Abandoned;
pub use attempts::{Attempt, AttemptNumber, Attempts};
pub use bodiless::is_bodiless;
pub use call_options::CallOptions;
pub use classifier::Classifier;
pub use config_error::ConfigError;
pub use date::http_date;
pub use error::{BoxError, CallError, ErrorKind};
pub use head::RequestHead;
pub use id::{CallerId, InvalidId, TrackingId};
pub use notes::CallNotes;
pub use outcome::{Outcome, UnknownOutcome};
pub use printable::Printable;
pub use queued::Queued;
pub use repeatable::Repeatable;
pub use retry_after::RetryAfter;
