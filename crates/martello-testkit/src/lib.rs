//! Tools to test a tower stack over HTTP with.

mod server;

pub use server::{Received, Refused, Reply, Server};
