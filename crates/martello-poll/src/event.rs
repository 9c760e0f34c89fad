use std::time::Duration;

use crate::{Batch, PollError, Poller, ResyncReason, poller::Step};

/// What [`Poller::next`] returns.
///
/// ```
/// use martello_poll::{Event, PollError, Poller};
///
/// async fn run(mut poller: Poller) -> Result<(), PollError> {
///     while let Some(event) = poller.next().await? {
///         match event {
///             Event::Batch(batch) => batch.ack().await?, // after you processed its items
///             Event::CaughtUp { items, .. } => println!("a pass delivered {items} items"),
///             Event::Failed { error, retry_in, .. } => eprintln!("{error}; retry in {retry_in:?}"),
///             Event::Resync { reason, .. } => eprintln!("everything is delivered again: {reason:?}"),
///             _ => {}
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// New items. Process them, then [acknowledge](Batch::ack) the batch.
    Batch(Batch<'a>),
    /// A pass has ended: all its items are acknowledged, and the checkpoint is saved.
    #[non_exhaustive]
    CaughtUp {
        /// How long ago the pass began. All changes before that have been delivered.
        lag: Duration,
        /// How many items the pass delivered.
        items: u64,
    },
    /// An operation failed. The poller retries it.
    #[non_exhaustive]
    Failed {
        /// What failed.
        error: PollError,
        /// The time until the retry.
        retry_in: Duration,
    },
    /// Changes may be lost. The poller delivers everything that the source still lists again; it cannot
    /// deliver what the source has removed from its list.
    #[non_exhaustive]
    Resync {
        /// The length of the period in which changes may be lost, if it is known.
        gap: Option<Duration>,
        /// Why changes may be lost.
        reason: ResyncReason,
    },
}

impl Poller {
    /// Waits for the next event; `None` after the poller was [stopped](Self::stopper).
    ///
    /// A batch that was not acknowledged is delivered again. You can drop the future at any time and call
    /// `next` again.
    ///
    /// # Errors
    ///
    /// When the poll cannot continue: the checkpoint belongs to [another
    /// source](crate::PollErrorKind::OtherSource), or is [unusable](crate::PollErrorKind::Unusable), or the
    /// client [cannot send](crate::PollErrorKind::Unsendable) the request. Any other error is an
    /// [`Event::Failed`], and the poller retries. After a stop, when the acknowledged items cannot be saved.
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
