//! Tests of whole stacks, one file per behaviour.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod by_hand;
mod configuration;
mod contract;
mod endings;
mod field_names;
mod foreign_layers;
mod hostile;
mod limit;
mod over_http2;
mod over_reqwest;
mod propagate;
mod records;
mod sending;
mod stored_headers;
mod stored_secrets;
mod support;
mod unsendable;
mod unsent;
mod upserts;
