use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use crate::{Item, ItemIssue, PollError, Poller};

/// New items of a page, or parked items that are delivered again.
///
/// A batch that is dropped without [`ack`](Self::ack) is delivered again.
///
/// ```
/// use martello_poll::{Batch, PollError};
///
/// async fn store(json: &str) -> Result<(), std::io::Error> {
///     # let _ = json;
///     Ok(())
/// }
///
/// async fn process(batch: Batch<'_>) -> Result<(), PollError> {
///     for item in batch.items() {
///         if let Err(error) = store(item.json()).await {
///             batch.reject(item, error); // parks the item
///         }
///     }
///     batch.ack().await
/// }
/// ```
#[derive(Debug)]
#[must_use = "a batch that is not acknowledged is delivered again"]
pub struct Batch<'a> {
    poller: &'a mut Poller,
    rejected: Mutex<BTreeMap<usize, String>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(poller: &'a mut Poller) -> Self {
        Self { poller, rejected: Mutex::default() }
    }

    /// The items to process, in the server's order. May be empty if the batch has only
    /// [issues](Self::issues).
    #[must_use]
    pub fn items(&self) -> &[Item] {
        self.poller.pending().map_or(&[], |pending| &pending.items)
    }

    /// The items with issues in this batch. An item without a usable key or stamp is parked and not among the
    /// [items](Self::items). If one page has more of them than [may be parked](crate::Parked::MAX_ITEMS),
    /// this lists one more than the limit, and [`ack`](Self::ack) fails.
    #[must_use]
    pub fn issues(&self) -> &[ItemIssue] {
        self.poller.pending().map_or(&[], |pending| &pending.issues)
    }

    /// Rejects an item of this batch: `ack` parks it with this reason. The first 1,024 bytes of the reason
    /// are stored, and secrets in its URLs are [masked](martello_outcome::mask_urls).
    pub fn reject(&self, item: &Item, why: impl Display) {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).insert(item.index, why.to_string());
    }

    /// Acknowledges the batch: all its items were processed or rejected. Only this moves the checkpoint: it
    /// parks rejected items, and after the last batch of a pass it saves the watermark.
    ///
    /// If the future is dropped, the batch may or may not be saved.
    ///
    /// # Errors
    ///
    /// When the checkpoint cannot be saved. The poller then saves it before it continues. If another poller
    /// has taken over the checkpoint, that one delivers the items again.
    pub async fn ack(self) -> Result<(), PollError> {
        let all = self.items().len();
        self.ack_first(all).await
    }

    /// Acknowledges the first `count` items. The others are delivered again.
    pub(crate) async fn ack_first(self, count: usize) -> Result<(), PollError> {
        let rejected = self.rejected.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.poller.acknowledge(count, rejected).await
    }
}
