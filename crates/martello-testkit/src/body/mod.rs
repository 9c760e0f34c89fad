//! A body whose every poll is decided.

mod handle;
mod scripted;

use bytes::Bytes;
use http::HeaderMap;

pub use self::{handle::ScriptHandle, scripted::ScriptedBody};

/// What one poll of a [`ScriptedBody`](ScriptedBody) comes upon.
#[derive(Debug, Clone)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Pending,
    Wait,
    Error(ScriptedError),
    End,
}

/// The error that a [`ScriptedBody`](ScriptedBody) was told to fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptedError(String);

impl ScriptedError {
    /// An error that displays as this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
