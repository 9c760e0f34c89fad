//! What is read, each from one state of the data.

mod columns;
mod entry;
mod filter;
mod health;
mod list;
mod queues;
mod replays;

pub(crate) use columns::Columns;
pub(crate) use entry::{detail, entry, overview};
pub(crate) use filter::Conditions;
pub(crate) use health::check_health;
pub(crate) use list::{count, key_state, list};
pub(crate) use queues::queues;
pub(crate) use replays::{replay, replays};
