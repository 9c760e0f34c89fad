use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, Printable};

/// What kind of error a [`CheckpointError`] is.
///
/// ```
/// use martello_poll::{CheckpointError, CheckpointErrorKind};
///
/// assert_eq!(CheckpointError::full().kind(), CheckpointErrorKind::Full);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckpointErrorKind {
    /// The checkpoint is corrupt, truncated, or of another program or a newer version. This ends the poll.
    Unusable,
    /// The limit of parked items is reached.
    Full,
    /// The checkpoint cannot be reached, or the disk is full. A retry may succeed.
    Unavailable,
}

impl CheckpointErrorKind {
    pub(crate) const fn is_fatal(self) -> bool {
        matches!(self, Self::Unusable)
    }
}

/// Why an operation on a checkpoint failed.
///
/// ```
/// use martello_poll::{CheckpointError, CheckpointErrorKind};
///
/// let cause = std::io::Error::other("timed out");
/// let error = CheckpointError::new(CheckpointErrorKind::Unavailable, "failed to reach the database").with_source(cause);
/// assert_eq!(error.to_string(), "failed to reach the database");
/// ```
#[derive(Debug)]
pub struct CheckpointError {
    kind: CheckpointErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

impl CheckpointError {
    /// An error with this message: in lower case, without a full stop and without a secret. It says what to
    /// do next.
    #[must_use]
    pub fn new(kind: CheckpointErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The error for too many parked items.
    #[must_use]
    pub fn full() -> Self {
        Self::new(
            CheckpointErrorKind::Full,
            "the limit of parked items is reached (10,000 items or 64 MiB); redeliver or discard some",
        )
    }

    /// Sets the source of the error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> CheckpointErrorKind {
        self.kind
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable::new(&self.message))
    }
}

impl Error for CheckpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
