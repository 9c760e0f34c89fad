use std::{error::Error, fmt::Display, future::Future};

use serde::de::DeserializeOwned;

use super::{Poller, Stopper};
use crate::{Batch, Event, PollError};

impl Poller {
    /// Hands each item to this function, one after the other, until it is [stopped](Self::stopper). An item for which it
    /// fails, or which is not of its type, is parked with the reason; the rest goes on.
    ///
    /// What the events of [`next`](Self::next) tell goes to `tracing`.
    ///
    /// # Errors
    ///
    /// When the poll cannot go on, as [`next`](Self::next) says.
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
                    let done = each(&batch, &stopper, &mut work).await;
                    match batch.ack_first(done).await {
                        Err(error) if error.is_fatal() => return Err(error),
                        Err(error) => tracing::warn!(%error, "what a poll acknowledged is not saved yet"),
                        Ok(()) => {}
                    }
                }
                Event::CaughtUp { lag, items } => tracing::debug!(?lag, items, "a poll caught up"),
                Event::Failed { error, retry_in } => {
                    let cause = error.source().map(ToString::to_string);
                    tracing::warn!(%error, cause, ?retry_in, "a poll failed, and tries again");
                }
                Event::Resync { gap, reason } => {
                    tracing::warn!(
                        ?gap,
                        ?reason,
                        "a poll may have missed something, and asks for everything"
                    );
                }
            }
        }
        Ok(())
    }
}

/// Hands over the items until there are no more, or the poller is stopped, and tells how many.
async fn each<T, F, W, E>(batch: &Batch<'_>, stopper: &Stopper, work: &mut F) -> usize
where
    T: DeserializeOwned,
    F: FnMut(T) -> W,
    W: Future<Output = Result<(), E>>,
    E: Display,
{
    for flaw in batch.flaws() {
        tracing::warn!(%flaw, parked = flaw.kind.is_parked(), "an item of a poll is flawed");
    }
    let mut done = 0;
    for item in batch.items() {
        if stopper.is_stopped() {
            break;
        }
        let result = match item.decode() {
            Ok(decoded) => work(decoded).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(reason) = result {
            tracing::warn!(place = %item.place(), reason, "an item of a poll was parked");
            batch.reject(item, reason);
        }
        done += 1;
    }
    done
}
