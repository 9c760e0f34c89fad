//! Reads. Functions that take a connection also serve the writer, within its transaction.

mod entry;
mod health;
mod list;
mod status;

pub(crate) use entry::{columns, detail, entry, entry_at, read_entry_without_request, request};
pub(crate) use health::check_health;
pub(crate) use list::{Conditions, count, key_state, list};
pub(crate) use status::{queues, replay, replays};
