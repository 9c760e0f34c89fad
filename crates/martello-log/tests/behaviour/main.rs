//! A file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod attempts;
mod bodies;
mod calls;
mod cancelled;
mod configuration;
mod contract;
mod errors;
mod excerpts;
mod headers;
mod hostile;
mod levels;
#[cfg(feature = "metrics")]
mod metrics;
mod spans;
mod support;
mod urls;
mod wire;
