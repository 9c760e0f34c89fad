use std::{error::Error, fmt};

use martello_outcome::BoxError;
use martello_paginate::PageError;

use crate::CheckpointError;

/// What went wrong with a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PollErrorKind {
    /// A page could not be had: the source is a [`PageError`]. The pass goes on with it.
    Page,
    /// The pages could not be walked to their end, and the pass begins anew: the source is a [`PageError`]. A cursor
    /// expired or runs in a circle, or there are too many pages.
    PassAborted,
    /// The source made no pages of the watermark.
    Source,
    /// The client refuses a request of the source, and would refuse it again: the source is a [`PageError`].
    /// It ends the poll.
    Unsendable,
    /// The checkpoint could not be read or written: the source is a [`CheckpointError`].
    Checkpoint,
    /// Another poller has the checkpoint, and polls.
    HeldElsewhere,
    /// Another poller took the checkpoint, because this one had not renewed its lease. What was not saved is
    /// delivered again by the other.
    LeaseLost,
    /// The checkpoint is that of another source, of other filters or of other headers. It ends the poll.
    OtherSource,
    /// The checkpoint cannot be used: the source is a [`CheckpointError`]. It ends the poll.
    Unusable,
}

/// What kept a poll from going on.
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

    /// The page's error, if it was one: with status, `Trackingid` and body.
    #[must_use]
    pub fn page_error(&self) -> Option<&PageError> {
        self.source.as_deref()?.downcast_ref()
    }

    /// The store's error, if it was one.
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

/// Why everything is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResyncReason {
    /// The watermark lies further back than the source keeps what changed
    /// ([`source_keeps`](crate::PollOptionsBuilder::source_keeps)).
    Gap,
    /// The source answered 410 to the watermark.
    Expired,
    /// The source answered 410 to the [kept start](crate::Checkpoint::start). The one that it
    /// [offers now](crate::Source::start) takes its place; the gap is the time between them.
    StartExpired,
    /// The checkpoint is that of another source
    /// ([`resync_on_other_source`](crate::PollOptionsBuilder::resync_on_other_source)).
    OtherSource,
}
