use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, ConfigError};

/// What kept a run from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpsertErrorKind {
    /// A setting is out of its range. Nothing was read and nothing sent.
    Config,
}

/// Why a run has not come to its end. What becomes of a single entity is never an error: that is a
/// [`Record`](crate::Record).
pub struct UpsertError {
    kind: UpsertErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

impl UpsertError {
    /// What kept the run from its end.
    #[must_use]
    pub fn kind(&self) -> UpsertErrorKind {
        self.kind
    }
}

impl From<ConfigError> for UpsertError {
    fn from(error: ConfigError) -> Self {
        let message = "the upserts are not set up as they must be";
        Self { kind: UpsertErrorKind::Config, message: message.into(), source: Some(error.into()) }
    }
}

impl fmt::Display for UpsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for UpsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpsertError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for UpsertError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
