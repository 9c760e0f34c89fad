use std::{error::Error, fmt};

use martello_outcome::BoxError;
use martello_paginate::PageError;

use crate::CheckpointError;

/// What kind of error a [`PollError`] is.
///
/// ```
/// use martello_poll::{PollError, PollErrorKind};
///
/// fn another_poller_runs(error: &PollError) -> bool {
///     matches!(error.kind(), PollErrorKind::HeldElsewhere | PollErrorKind::LeaseLost)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PollErrorKind {
    /// The poller failed to fetch a page: the source is a [`PageError`]. It requests the same page again.
    Page,
    /// The poller failed to read all pages, and the pass starts again: the source is a [`PageError`]. A
    /// cursor expired or repeated, or there are too many pages.
    PassAborted,
    /// The source failed to build a request for the watermark.
    Source,
    /// The client cannot send the request of the source: the source is a [`PageError`]. This ends the poll.
    Unsendable,
    /// The poller failed to read or write the checkpoint: the source is a [`CheckpointError`].
    Checkpoint,
    /// Another poller holds the checkpoint.
    HeldElsewhere,
    /// Another poller took over the checkpoint, because this one did not renew its lease in time. The other
    /// one delivers unsaved items again.
    LeaseLost,
    /// The checkpoint belongs to another source, or to other filters or headers. This ends the poll.
    OtherSource,
    /// The checkpoint cannot be used: the source is a [`CheckpointError`]. This ends the poll.
    Unusable,
}

/// Why a poll failed.
///
/// ```
/// use martello_poll::PollError;
///
/// fn status(error: &PollError) -> Option<u16> {
///     Some(error.page_error()?.status()?.as_u16())
/// }
/// ```
#[derive(Debug)]
pub struct PollError {
    kind: PollErrorKind,
    source: Option<BoxError>,
}

impl PollError {
    pub(crate) fn new(kind: PollErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn caused(kind: PollErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    pub(crate) fn checkpoint(error: CheckpointError) -> Self {
        let kind = if error.kind().is_fatal() { PollErrorKind::Unusable } else { PollErrorKind::Checkpoint };
        Self::caused(kind, error)
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> PollErrorKind {
        self.kind
    }

    /// The error of the page, if a page failed: it has the status, the `Trackingid` and the body.
    #[must_use]
    pub fn page_error(&self) -> Option<&PageError> {
        self.source.as_deref()?.downcast_ref()
    }

    /// The error of the checkpoint, if the checkpoint failed.
    #[must_use]
    pub fn checkpoint_error(&self) -> Option<&CheckpointError> {
        self.source.as_deref()?.downcast_ref()
    }

    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self.kind, PollErrorKind::OtherSource | PollErrorKind::Unusable | PollErrorKind::Unsendable)
    }
}

impl fmt::Display for PollError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            PollErrorKind::Page => "failed to fetch a page",
            PollErrorKind::PassAborted => "failed to read all pages; the pass starts again",
            PollErrorKind::Source => "the source cannot build a request for the watermark",
            PollErrorKind::Unsendable => {
                "the client cannot send the source's request; correct the URL or the client"
            }
            PollErrorKind::Checkpoint => "failed to read or write the checkpoint",
            PollErrorKind::HeldElsewhere => "another poller holds the checkpoint",
            PollErrorKind::LeaseLost => {
                "another poller took over the checkpoint; it delivers unsaved items again"
            }
            PollErrorKind::OtherSource => {
                "the checkpoint belongs to another source, or to other filters or headers; \
                 use another checkpoint, or allow a resync"
            }
            PollErrorKind::Unusable => "the checkpoint cannot be used",
        })
    }
}

impl Error for PollError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Why the poller requests everything again.
///
/// ```
/// use martello_poll::ResyncReason;
///
/// fn may_have_lost_changes(reason: ResyncReason) -> bool {
///     matches!(reason, ResyncReason::Gap | ResyncReason::Expired | ResyncReason::StartExpired)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResyncReason {
    /// The watermark is older than the source keeps changes
    /// ([`source_keeps`](crate::PollOptionsBuilder::source_keeps)).
    Gap,
    /// The source answered 410 to the watermark.
    Expired,
    /// The source answered 410 to the [stored start](crate::Checkpoint::start). The [current
    /// start](crate::Source::start) of the source replaces it; the gap is the time between both.
    StartExpired,
    /// The checkpoint belongs to another source
    /// ([`resync_on_other_source`](crate::PollOptionsBuilder::resync_on_other_source)).
    OtherSource,
}
