use std::{error::Error, fmt};

use martello_outcome::{Abandoned, CallError, ErrorKind, Outcome};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What went wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyErrorKind {
    /// The body inside failed; the error's source says how.
    Inner,
    /// No frame came within the allowed time.
    Idle,
    /// The body has more bytes than allowed.
    TooLarge,
    /// The body ended before the length that it had declared.
    Truncated,
    /// The stream that the body was recorded from failed, so that it cannot be sent again.
    Poisoned,
    /// A newer copy of the body is being sent in place of this one.
    Superseded,
    /// The start of the body was not recorded, so that this copy cannot be sent.
    NotRecorded,
}

impl BodyErrorKind {
    /// How an attempt ended whose response has a body that failed so. One that was larger than wanted was a success for all
    /// that: the server did its part. Of any other nobody knows what became of the call.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::TooLarge => Outcome::Success,
            _ => Outcome::Ambiguous,
        }
    }

    /// Calls this, which drops a body that failed so, and says why to what lies inside.
    pub(crate) fn while_dropping(self, drop: impl FnOnce()) {
        Abandoned::new(ErrorKind::Body, self.outcome(), self.message()).while_dropping(drop);
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Inner => "the body broke off",
            Self::Idle => "the body stood still for longer than its idle timeout",
            Self::TooLarge => "the body is larger than allowed",
            Self::Truncated => "the body ended before its declared length",
            Self::Poisoned => "the stream of the body failed while it was first sent",
            Self::Superseded => "a newer attempt sends this body",
            Self::NotRecorded => "the body is larger than its replay cap and cannot be sent again",
        }
    }
}

/// Why a body of this crate failed.
#[derive(Debug)]
pub struct BodyError {
    kind: BodyErrorKind,
    source: Option<BoxError>,
}

impl BodyError {
    pub(crate) fn new(kind: BodyErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn inner(source: impl Into<BoxError>) -> Self {
        Self { kind: BodyErrorKind::Inner, source: Some(source.into()) }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> BodyErrorKind {
        self.kind
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.message())
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The error of a call whose response's body failed, with the [outcome](BodyErrorKind::outcome) that the kind has.
impl From<BodyError> for CallError {
    fn from(error: BodyError) -> Self {
        Self::new(ErrorKind::Body, error.kind.outcome(), "the response's body failed").with_source(error)
    }
}
