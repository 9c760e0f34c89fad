//! A file per behaviour.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics has failed")]

mod closing;
mod conformance;
mod durable;
mod full;
mod half_copied;
mod places;
mod sharing;
mod support;
