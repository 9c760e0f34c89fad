use std::{error::Error, fmt};

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
        f.write_str(match self.kind {
            BodyErrorKind::Inner => "the body broke off",
            BodyErrorKind::Idle => "the body stood still for longer than its idle timeout",
            BodyErrorKind::TooLarge => "the body is larger than allowed",
            BodyErrorKind::Truncated => "the body ended before its declared length",
            BodyErrorKind::Poisoned => "the stream of the body failed while it was first sent",
            BodyErrorKind::Superseded => "a newer attempt sends this body",
            BodyErrorKind::NotRecorded => "the body is larger than its replay cap and cannot be sent again",
        })
    }
}

impl Error for BodyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
