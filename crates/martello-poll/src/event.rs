use std::time::Duration;

use crate::{Batch, PollError};

/// What a poll has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Items that are new. Process them, then [acknowledge](Batch::ack) them.
    Batch(Batch<'a>),
    /// A pass is over, and all of it was acknowledged and saved.
    #[non_exhaustive]
    CaughtUp {
        /// How long ago the pass began: what changed before that has been seen.
        lag: Duration,
        /// How many items it delivered.
        items: u64,
    },
    /// Something failed, and will be done again.
    #[non_exhaustive]
    Failed {
        /// What failed.
        error: PollError,
        /// After how long the next try is due.
        retry_in: Duration,
    },
    /// Something may have been missed for good: all that the source has is delivered again, and what it has
    /// forgotten is not.
    #[non_exhaustive]
    Resync {
        /// How long a time is in question, if that is known.
        gap: Option<Duration>,
        /// What is the matter.
        reason: ResyncReason,
    },
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
