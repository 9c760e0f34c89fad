use std::time::Duration;

use crate::{Batch, PollError, Poller, ResyncReason, poller::Step};

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

impl Poller {
    /// The next event; `None` once it was stopped.
    ///
    /// A batch that was not acknowledged comes again. The future can be dropped at any point, and `next` called again.
    ///
    /// # Errors
    ///
    /// When the poll cannot go on: the checkpoint is that of [another
    /// source](crate::PollErrorKind::OtherSource), or [cannot be used](crate::PollErrorKind::Unusable), or
    /// the client [refuses](crate::PollErrorKind::Unsendable) what the source asks for. Anything else is an
    /// [`Event::Failed`], and done again. Stopped, when what was acknowledged could not be saved.
    pub async fn next(&mut self) -> Result<Option<Event<'_>>, PollError> {
        loop {
            return Ok(Some(match self.step().await? {
                Step::Continue => continue,
                Step::Stopped => return Ok(None),
                Step::Batch => Event::Batch(Batch::new(self)),
                Step::CaughtUp { lag, items } => Event::CaughtUp { lag, items },
                Step::Failed { error, retry_in } => Event::Failed { error, retry_in },
                Step::Resync { gap, reason } => Event::Resync { gap, reason },
            }));
        }
    }
}
