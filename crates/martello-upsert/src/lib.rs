#![doc = include_str!("../README.md")]

mod counts;
mod digest;
mod error;
mod headers;
mod journal;
mod latency;
mod outcome;
mod progress;
mod record;
mod record_json;
mod records;
mod report;
mod run;
mod send;
mod settings;
mod state;
mod upsert_all;

pub use counts::Counts;
pub use error::{UpsertError, UpsertErrorKind};
pub use journal::{Journal, RunTarget};
pub use latency::Latency;
pub use martello_outbox::{EntryId, OrderKey};
pub use martello_outcome::{ConfigError, TrackingId};
pub use outcome::{UnknownUpsertOutcome, UpsertOutcome};
pub use progress::Progress;
pub use record::Record;
pub use records::Records;
pub use report::Report;
pub use upsert_all::UpsertAll;
