use bytes::Bytes;
use http::HeaderMap;

/// What one poll of a [`ScriptedBody`](super::ScriptedBody) comes upon.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Pending,
    Wait,
    Error(ScriptedError),
    End,
}

/// The error that a [`ScriptedBody`](super::ScriptedBody) was told to fail with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptedError(String);

impl ScriptedError {
    /// An error that displays as this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
