//! A file per behaviour.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

mod body_at_the_call;
mod cancellation;
mod captured_logs;
mod conformance;
mod contract;
mod edit;
mod failing_store;
mod headers;
mod lost_answers;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
mod order_at_the_call;
mod order_key;
mod outage;
mod overtaken;
mod send_or_store;
mod steered;
mod stopped_in_call;
mod stored_call;
mod support;
mod ticket;
mod urls;
mod worker;
