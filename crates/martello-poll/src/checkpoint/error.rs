use std::{borrow::Cow, error::Error, fmt};

use martello_outcome::{BoxError, Printable};

/// What kept a store from doing what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CheckpointErrorKind {
    /// The place cannot be used: it is damaged, cut off, of another program or of a newer version.
    Unusable,
    /// More would be parked than may be.
    Full,
    /// It cannot be reached, or there is no room: later it may work.
    Unavailable,
}

impl CheckpointErrorKind {
    pub(crate) const fn is_fatal(self) -> bool {
        matches!(self, Self::Unusable)
    }
}

/// Why a store did not do what it was asked for.
#[derive(Debug)]
pub struct CheckpointError {
    kind: CheckpointErrorKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

impl CheckpointError {
    /// An error with a message, in lower case and without a full stop, that says what to do next and bears no secret.
    #[must_use]
    pub fn new(kind: CheckpointErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Too much is parked.
    #[must_use]
    pub fn full() -> Self {
        Self::new(
            CheckpointErrorKind::Full,
            "the limit of parked items is reached (10,000 items or 64 MiB); redeliver or discard some",
        )
    }

    /// This error, caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it was.
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
