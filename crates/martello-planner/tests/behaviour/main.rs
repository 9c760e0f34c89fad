//! The planner's API: what it answers, how it misbehaves, and what it says of that.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

mod entities;
mod faults;
mod plannings;
mod support;
mod tokens;
