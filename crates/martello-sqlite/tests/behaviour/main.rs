//! A file per behaviour.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

mod checkpoint;
mod closing;
mod conformance;
mod damaged;
mod durable;
mod full;
mod half_copied;
mod held;
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
