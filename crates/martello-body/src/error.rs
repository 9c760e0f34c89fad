use std::{error::Error, fmt};

use martello_outcome::{Abandoned, CallError, ErrorKind, Outcome};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What went wrong with a body.
///
/// ```
/// use martello_body::BodyErrorKind;
/// use martello_outcome::Outcome;
///
/// assert_eq!(BodyErrorKind::Truncated.outcome(), Outcome::Ambiguous);
/// assert_eq!(BodyErrorKind::TooLarge.outcome(), Outcome::Success, "the server did its part");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BodyErrorKind {
    /// The inner body failed; the error's source has the reason.
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
    /// The outcome of an attempt whose response body failed with this kind. It is a success if the body was
    /// too large: the server did its part. Otherwise it is ambiguous.
    #[must_use]
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::TooLarge => Outcome::Success,
            _ => Outcome::Ambiguous,
        }
    }

    /// Calls `drop`, which drops a failed body, with the reason in [`Abandoned`].
    pub(crate) fn while_dropping(self, drop: impl FnOnce()) {
        Abandoned::new(ErrorKind::Body, self.outcome(), self.message()).while_dropping(drop);
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Inner => "the body failed before its end",
            Self::Idle => "no frame of the body came within its idle timeout",
            Self::TooLarge => "the body is larger than allowed",
            Self::Truncated => "the body ended before its declared length",
            Self::Poisoned => {
                "the stream of the body failed during an earlier attempt, so it cannot be sent again"
            }
            Self::Superseded => "a newer attempt sends this body in place of this one",
            Self::NotRecorded => {
                "the body is larger than its replay cap, so it cannot be sent again: raise the cap"
            }
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

/// The error of a call whose response body failed, with the [outcome](BodyErrorKind::outcome) of the kind.
impl From<BodyError> for CallError {
    fn from(error: BodyError) -> Self {
        Self::new(ErrorKind::Body, error.kind.outcome(), "the response's body failed").with_source(error)
    }
}
