//! What the crate promises, a file for each part of it.
#![expect(clippy::expect_used, reason = "a test that panics has failed")]

mod caller_id;
mod contract;
mod ignored_lines;
mod propagate;
mod real_sockets;
mod response_id;
mod tracking_ids;
