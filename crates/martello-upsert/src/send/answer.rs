//! How a call ended, and what is known of the write.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use martello_outcome::CallError;

/// How a call ended, and what reading the entity back has shown.
pub(crate) struct Answer {
    pub(super) response: Result<Response<Bytes>, CallError>,
    /// `None` if the response itself says what became of the write.
    pub(super) write_status: Option<WriteStatus>,
}

/// What became of a write whose response does not say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteStatus {
    /// The rejection may be the result of an earlier attempt of this call, and nothing was read back.
    NotReadBack,
    /// The rejection may be the result of an earlier run, and nothing was read back. It is final: another run
    /// would be rejected too.
    EarlierRun,
    /// The rejection may be the result of an earlier run, and reading back cannot show that, however often it
    /// is repeated.
    Inconclusive,
    /// A DELETE found nothing, and an earlier attempt may have deleted the entity.
    AlreadyGone,
    /// Reading back failed, or shows nothing.
    ReadFailed,
    /// The server has what was sent, or nothing after a DELETE.
    Written,
    /// The server has what it had before.
    Unwritten,
    /// The server has something else.
    Different,
    /// The server still has the entity after a DELETE.
    StillThere,
}

impl WriteStatus {
    /// Whether the entity was read back.
    pub(super) fn was_read_back(self) -> bool {
        !matches!(self, Self::NotReadBack | Self::EarlierRun | Self::AlreadyGone)
    }
}

pub(super) fn is_conflict(status: StatusCode) -> bool {
    matches!(status, StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED)
}

/// Whether two entity tags match (RFC 9110 §8.8.3.2, weak comparison).
pub(super) fn same_tag(one: Option<&HeaderValue>, other: Option<&HeaderValue>) -> bool {
    let opaque = |tag: &HeaderValue| tag.as_bytes().strip_prefix(b"W/").unwrap_or(tag.as_bytes()).to_vec();
    one.is_some_and(|one| other.is_some_and(|other| opaque(one) == opaque(other)))
}
