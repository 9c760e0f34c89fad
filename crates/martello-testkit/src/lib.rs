#![doc = include_str!("../README.md")]

mod body;
pub mod contract;
mod server;

pub use body::{ScriptHandle, ScriptedBody, ScriptedError};
pub use server::{Received, Refused, Reply, Server};
