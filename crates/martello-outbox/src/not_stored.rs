use std::{borrow::Cow, error::Error, fmt};

use http::StatusCode;
use martello_body::{BodyError, BodyErrorKind};
use martello_outcome::{Attempts, BoxError, CallError, Outcome, Printable};

use crate::{InvalidEntry, StoreError};

/// The kind of a [`NotStored`] error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotStoredKind {
    /// The body is larger than the outbox's `max_body`.
    BodyTooLarge,
    /// The body failed, cannot be replayed, or did not end in time.
    Body,
    /// A part of the request is invalid, such as a URL without a host. Or the call ended with an error that
    /// another attempt would repeat, such as one that [the client
    /// rejects](martello_outcome::ErrorKind::Unsendable).
    Request,
    /// The body could not be sealed.
    Sealing,
    /// The store failed.
    Store,
}

/// The error of a request that should have been stored and was not.
///
/// [`source`](Error::source) is the cause, for example a [`StoreError`]. If the request was sent before,
/// [`NotStored::outcome`] and the methods after it describe the result of the call.
///
/// After a [`StoreErrorKind::Unavailable`](crate::StoreErrorKind::Unavailable) it is unknown whether the
/// request is stored. You can store it again safely if it has a
/// [`dedup_key`](crate::OutboxOptions::dedup_key).
pub struct NotStored(Box<Inner>);

struct Inner {
    kind: NotStoredKind,
    message: Cow<'static, str>,
    source: Option<BoxError>,
    outcome: Outcome,
    last_status: Option<StatusCode>,
    attempts: Attempts,
    call: Option<CallError>,
}

impl NotStored {
    pub(crate) fn new(kind: NotStoredKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            source: None,
            outcome: Outcome::Unsent,
            last_status: None,
            attempts: Attempts::default(),
            call: None,
        }))
    }

    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn body(error: impl Into<BoxError>) -> Self {
        let error = error.into();
        let too_large = error.downcast_ref().is_some_and(|error: &BodyError| {
            matches!(error.kind(), BodyErrorKind::TooLarge | BodyErrorKind::NotRecorded)
        });
        match too_large {
            true => Self::new(NotStoredKind::BodyTooLarge, "its body is larger than the outbox's `max_body`"),
            false => Self::new(NotStoredKind::Body, "its body could not be read to the end").because(error),
        }
    }

    pub(crate) fn answered(
        mut self,
        outcome: Outcome,
        status: Option<StatusCode>,
        attempts: Attempts,
    ) -> Self {
        self.0.outcome = outcome;
        self.0.last_status = status;
        self.0.attempts = attempts;
        self
    }

    pub(crate) fn failed(mut self, call: CallError) -> Self {
        self.0.outcome = call.outcome();
        self.0.last_status = call.last_status();
        self.0.attempts = call.attempts().clone();
        self.0.call = Some(call);
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> NotStoredKind {
        self.0.kind
    }

    /// The outcome of the call: that of its last attempt, or ambiguous if an earlier attempt may have caused
    /// it;
    /// [`Outcome::Unsent`] if the request was not sent.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// The status of the last attempt that had a response.
    #[must_use]
    pub fn last_status(&self) -> Option<StatusCode> {
        self.0.last_status
    }

    /// The attempts of the call, in order; empty if it was not sent, or passed no retry layer.
    #[must_use]
    pub fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// The error that the call ended with, if it was not a response.
    #[must_use]
    pub fn call(&self) -> Option<&CallError> {
        self.0.call.as_ref()
    }
}

impl From<StoreError> for NotStored {
    fn from(error: StoreError) -> Self {
        Self::new(NotStoredKind::Store, "the store failed").because(error)
    }
}

impl From<InvalidEntry> for NotStored {
    fn from(error: InvalidEntry) -> Self {
        Self::new(NotStoredKind::Request, "a part of it is invalid").because(error)
    }
}

impl fmt::Display for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request was not stored: {}", Printable::new(&self.0.message))?;
        match (&self.0.call, self.0.last_status) {
            (Some(call), _) => write!(f, " (the call failed: {call})"),
            (None, Some(status)) => {
                write!(f, " (the server answered {}, {})", status.as_u16(), self.0.outcome)
            }
            (None, None) => f.write_str(" (it was not sent)"),
        }
    }
}

impl fmt::Debug for NotStored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotStored")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .field("outcome", &self.0.outcome)
            .field("last_status", &self.0.last_status)
            .field("attempts", &self.0.attempts)
            .field("call", &self.0.call)
            .finish()
    }
}

impl Error for NotStored {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
