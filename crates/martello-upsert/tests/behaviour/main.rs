//! One file per behaviour.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that panics has failed")]

mod configuration;
mod deferring;
#[cfg(unix)]
mod forking;
mod identity;
mod identity_headers;
mod interrupted;
mod journal;
mod journal_file;
#[cfg(unix)]
mod journal_path;
mod killed;
mod order;
mod outcomes;
mod properties;
mod read_back;
mod records;
mod run_target;
mod stopping;
mod streaming;
mod support;
mod waiting_bytes;
mod wire;
