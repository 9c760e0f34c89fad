//! What is read, each from one state of the data.

mod detail;
mod entry;
mod examine;
mod filter;
mod list;
mod queues;
mod replays;

pub(crate) use detail::detail;
pub(crate) use entry::{entry, overview, request};
pub(crate) use examine::examine;
pub(crate) use filter::Conditions;
pub(crate) use list::{count, key_state, list};
pub(crate) use queues::queues;
pub(crate) use replays::{replay, replays};
