use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Mutex, PoisonError},
};

use crate::{Item, ItemIssue, PollError, Poller};

/// Items that are new: those of a page, or some that were parked and are delivered again.
///
/// Dropped without being acknowledged, it comes again.
#[derive(Debug)]
#[must_use = "a batch that is not acknowledged comes again"]
pub struct Batch<'a> {
    poller: &'a mut Poller,
    rejected: Mutex<BTreeMap<usize, String>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(poller: &'a mut Poller) -> Self {
        Self { poller, rejected: Mutex::default() }
    }

    /// What is to be processed, in the server's order. It may be nothing, where all is [reported](Self::issues).
    #[must_use]
    pub fn items(&self) -> &[Item] {
        self.poller.pending().map_or(&[], |pending| &pending.items)
    }

    /// What is wrong with items of this batch. Of a page with more that have to be parked than [may
    /// be](crate::Parked::MAX_ITEMS), one more than that is told, and the batch is refused when it is
    /// acknowledged. Those that cannot be told from others are not among its items, but parked.
    #[must_use]
    pub fn issues(&self) -> &[ItemIssue] {
        self.poller.pending().map_or(&[], |pending| &pending.issues)
    }

    /// Parks an item of this batch, with the reason, of which the first 1,024 bytes are kept, with what is
    /// secret in its URLs [masked](martello_outcome::mask_urls): as soon as the batch is acknowledged.
    pub fn reject(&self, item: &Item, why: impl Display) {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner).insert(item.index, why.to_string());
    }

    /// Says that all items were processed or rejected. It alone moves the checkpoint: what was rejected is
    /// parked, and with the last batch of a pass the watermark is saved.
    ///
    /// # Errors
    ///
    /// When that could not be saved. The poller then saves it before it goes on; or, if it has lost the
    /// checkpoint to another, the other delivers the items again.
    ///
    /// Dropping the future leaves open whether it was saved.
    pub async fn ack(self) -> Result<(), PollError> {
        let all = self.items().len();
        self.ack_first(all).await
    }

    /// The same for the first so many items; the others come again.
    pub(crate) async fn ack_first(self, count: usize) -> Result<(), PollError> {
        let rejected = self.rejected.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.poller.acknowledge(count, rejected).await
    }
}
