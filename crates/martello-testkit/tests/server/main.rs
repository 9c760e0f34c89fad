//! Tests of the server over real sockets.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

mod counts;
mod faults;
mod protocol;
mod support;
mod waiting;
