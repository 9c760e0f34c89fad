use std::{error::Error, fmt::Display, future::Future};

use martello_outcome::mask_urls;
use serde::de::DeserializeOwned;

use super::{Poller, Stopper};
use crate::{Event, Item, PollError};

impl Poller {
    /// Calls this function with each item, one after the other, until the poller is [stopped](Self::stopper).
    /// If the function fails or an item does not have its type, the item is parked with the reason, and the
    /// poll continues.
    ///
    /// The other events of [`next`](Self::next) are logged with `tracing`.
    ///
    /// ```
    /// use martello_poll::{PollError, Poller};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Order { id: String }
    ///
    /// async fn run(mut poller: Poller) -> Result<(), PollError> {
    ///     poller
    ///         .for_each(async |order: Order| if order.id.is_empty() { Err("no id") } else { Ok(()) })
    ///         .await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the poll cannot continue, like [`next`](Self::next).
    pub async fn for_each<T, F, W, E>(&mut self, mut work: F) -> Result<(), PollError>
    where
        T: DeserializeOwned,
        F: FnMut(T) -> W,
        W: Future<Output = Result<(), E>>,
        E: Display,
    {
        let stopper = self.stopper();
        while let Some(event) = self.next().await? {
            match event {
                Event::Batch(batch) => {
                    for issue in batch.issues() {
                        tracing::warn!(%issue, parked = issue.kind.is_parked(), "a poll found an invalid item");
                    }
                    let reasons = each(batch.items(), &stopper, &mut work).await;
                    for (item, reason) in batch.items().iter().zip(&reasons) {
                        let Some(reason) = reason else { continue };
                        tracing::warn!(position = %item.position(), reason, "a poll parked an item");
                        batch.reject(item, reason);
                    }
                    match batch.ack_first(reasons.len()).await {
                        Err(error) if error.is_fatal() => return Err(error),
                        Err(error) => {
                            tracing::warn!(exception.message = %error, "a poll failed to save what was acknowledged; it tries again");
                        }
                        Ok(()) => {}
                    }
                }
                Event::CaughtUp { lag, items } => tracing::debug!(?lag, items, "a poll caught up"),
                Event::Failed { error, retry_in } => {
                    let cause = error.source().map(ToString::to_string);
                    tracing::warn!(exception.message = %error, cause, ?retry_in, "a poll failed; it tries again");
                }
                Event::Resync { gap, reason } => {
                    tracing::warn!(
                        ?gap,
                        ?reason,
                        "a poll may have missed changes; it requests everything again"
                    );
                }
            }
        }
        Ok(())
    }
}

/// Calls `work` with each item until the poller is stopped. Returns why each item failed, or `None`.
async fn each<T, F, W, E>(items: &[Item], stopper: &Stopper, work: &mut F) -> Vec<Option<String>>
where
    T: DeserializeOwned,
    F: FnMut(T) -> W,
    W: Future<Output = Result<(), E>>,
    E: Display,
{
    let mut reasons = Vec::new();
    for item in items {
        if stopper.is_stopped() {
            break;
        }
        let result = match item.decode() {
            Ok(decoded) => work(decoded).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        reasons.push(result.err().map(|reason| mask_urls(&reason, |_| false).into_owned()));
    }
    reasons
}
