//! What is read. Those functions that take a connection are also for the writer, in the middle of its work.

mod detail;
mod entry;
mod filter;
mod health;
mod list;
mod queues;
mod replays;

pub(crate) use detail::detail;
pub(crate) use entry::{columns, entry, entry_at, read_entry_without_request, request};
pub(crate) use filter::Conditions;
pub(crate) use health::check_health;
pub(crate) use list::{count, key_state, list};
pub(crate) use queues::queues;
pub(crate) use replays::{replay, replays};
