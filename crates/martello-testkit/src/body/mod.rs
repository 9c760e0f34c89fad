//! A body that follows a script.

mod handle;
mod scripted;

use bytes::Bytes;
use http::HeaderMap;

pub use self::{handle::ScriptHandle, scripted::ScriptedBody};

/// One step of a [`ScriptedBody`].
#[derive(Debug, Clone)]
enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    Pending,
    Wait,
    Error(ScriptedError),
    End,
}

/// The error of a [`ScriptedBody`].
///
/// ```
/// use martello_testkit::ScriptedError;
///
/// assert_eq!(ScriptedError::new("reset").to_string(), "reset");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptedError(String);

impl ScriptedError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
