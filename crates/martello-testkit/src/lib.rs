//! Tools to test a tower stack over HTTP with.

mod body;
mod server;

pub use body::{ScriptHandle, ScriptedBody, ScriptedError};
pub use server::{Received, Refused, Reply, Server};
