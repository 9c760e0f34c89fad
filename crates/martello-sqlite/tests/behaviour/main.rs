//! A file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod closing;
mod conformance;
mod half_copied;
mod sharing;
mod support;
