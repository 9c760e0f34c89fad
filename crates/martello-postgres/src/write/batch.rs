//! One statement for all that waits to be stored: while one is under way, the next fills. Whoever comes when nothing is
//! under way does not wait for the task that does this.

use std::sync::Arc;

use martello_outbox::{Enqueued, NewEntry, StoreError, StoreErrorKind, engine::closed};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::enqueue::{answers, changes, check, enqueue, weight};
use crate::{explain::is_blocked, shared::Shared};

/// Beyond this many bytes nothing more is taken along.
const HEAVY: usize = 4 * 1024 * 1024;

/// Entries that somebody waits for to be stored.
#[derive(Debug)]
pub(crate) struct PendingEnqueue {
    entries: Vec<NewEntry>,
    reply: oneshot::Sender<Result<Vec<Enqueued>, StoreError>>,
}

/// Where they wait, unless nothing is under way.
#[derive(Debug)]
pub(crate) struct Batcher {
    waiting: mpsc::Sender<PendingEnqueue>,
    /// To store one's own by oneself.
    alone: Semaphore,
}

impl Batcher {
    /// Room for so many that wait; the futures of more wait outside.
    pub(crate) fn new(room: usize) -> (Self, mpsc::Receiver<PendingEnqueue>) {
        let (waiting, receiver) = mpsc::channel(room);
        (Self { waiting, alone: Semaphore::new(1) }, receiver)
    }

    pub(crate) async fn enqueue(
        &self,
        shared: &Shared,
        entries: Vec<NewEntry>,
    ) -> Result<Vec<Enqueued>, StoreError> {
        check(&entries)?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        if let Ok(_alone) = self.alone.try_acquire() {
            return store_all(shared, &entries).await;
        }
        let (reply, answer) = oneshot::channel();
        self.waiting.send(PendingEnqueue { entries, reply }).await.map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }
}

/// Stores what comes, at most so many entries at once beyond those that are given together.
pub(crate) async fn serve(shared: Arc<Shared>, mut waiting: mpsc::Receiver<PendingEnqueue>, most: usize) {
    while let Some(first) = waiting.recv().await {
        // Those who were just answered may have more to store.
        tokio::task::yield_now().await;
        let mut batch = Vec::new();
        let (mut many, mut heavy) = (0, 0);
        let mut next = Some(first);
        while let Some(one) = next {
            // Whoever does not wait for it any more has not been promised anything.
            if !one.reply.is_closed() {
                many += one.entries.len();
                heavy += one.entries.iter().map(weight).sum::<usize>();
                batch.push(one);
            }
            next = if many < most && heavy < HEAVY { waiting.try_recv().ok() } else { None };
        }
        store(&shared, batch).await;
    }
}

async fn store(shared: &Shared, batch: Vec<PendingEnqueue>) {
    let (lists, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.entries, one.reply)).unzip();
    let lengths: Vec<_> = lists.iter().map(Vec::len).collect();
    let entries: Vec<NewEntry> = lists.into_iter().flatten().collect();
    if entries.is_empty() {
        return;
    }
    match store_all(shared, &entries).await {
        Ok(stored) => {
            let mut stored = stored.into_iter();
            for (length, reply) in lengths.into_iter().zip(replies) {
                // Nobody may be left to hear of it.
                drop(reply.send(Ok(stored.by_ref().take(length).collect())));
            }
        }
        Err(error)
            if replies.len() == 1 || error.kind() == StoreErrorKind::Unavailable && !is_blocked(&error) =>
        {
            let message = error.to_string();
            let mut error = Some(error);
            for reply in replies {
                // The first hears of the cause as well.
                let told = error
                    .take()
                    .unwrap_or_else(|| StoreError::new(StoreErrorKind::Unavailable, message.clone()));
                drop(reply.send(Err(told)));
            }
        }
        // One may have spoilt it for the others.
        Err(_) => {
            let mut entries = entries.into_iter();
            for (length, reply) in lengths.into_iter().zip(replies) {
                let alone: Vec<_> = entries.by_ref().take(length).collect();
                drop(reply.send(store_all(shared, &alone).await));
            }
        }
    }
}

async fn store_all(shared: &Shared, entries: &[NewEntry]) -> Result<Vec<Enqueued>, StoreError> {
    let fetched = shared.connections.fetch(&enqueue(shared, entries, None)).await?;
    let stored = answers(&fetched.rows, entries, fetched.repeated)?;
    shared.notify(changes(entries, &stored));
    Ok(stored)
}
