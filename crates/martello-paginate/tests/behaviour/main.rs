//! A file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod bounds;
mod configuration;
mod cursors;
mod errors;
mod fetch_ahead;
mod links;
mod lists;
mod resuming;
mod service;
mod support;
mod wire;
