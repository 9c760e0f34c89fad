//! Behaviour of the SQLite engine, one file per topic.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

mod checkpoint;
mod closing;
mod conformance;
mod corrupt;
mod durable;
mod full;
mod interrupted_checkpoint;
mod locked;
mod many_apis;
mod migrating;
#[cfg(unix)]
mod modes;
mod moved;
mod older;
mod other_schemes;
mod paths;
mod processes;
mod rekeying;
mod sharing;
mod support;
mod upgrading;
