//! Batches enqueues: while one statement runs, the calls that arrive form the next batch. A call that arrives
//! while none runs executes its own statement.

use std::sync::Arc;

use martello_outbox::{Enqueued, NewEntry, StoreError, StoreErrorKind, engine::closed};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::enqueue::{answers, changes, check, enqueue, weight};
use crate::{explain::is_blocked, shared::Shared};

/// The size in bytes from which a batch takes no further call.
const HEAVY: usize = 4 * 1024 * 1024;

/// A call that waits for its batch.
#[derive(Debug)]
pub(crate) struct PendingEnqueue {
    entries: Vec<NewEntry>,
    reply: oneshot::Sender<Result<Vec<Enqueued>, StoreError>>,
}

/// The queue of the calls that wait.
#[derive(Debug)]
pub(crate) struct Batcher {
    waiting: mpsc::Sender<PendingEnqueue>,
    /// The permit to execute a statement without a batch.
    alone: Semaphore,
}

impl Batcher {
    /// A queue with room for this many calls. Further calls wait for room.
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

/// Stores batches until the queue is closed. A batch takes no further call once it has `most` entries.
pub(crate) async fn serve(shared: Arc<Shared>, mut waiting: mpsc::Receiver<PendingEnqueue>, most: usize) {
    while let Some(first) = waiting.recv().await {
        // Callers that were just answered may enqueue more.
        tokio::task::yield_now().await;
        let mut batch = Vec::new();
        let (mut many, mut heavy) = (0, 0);
        let mut next = Some(first);
        while let Some(one) = next {
            // A caller that dropped its future gets no promise.
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
                // The caller may have dropped its future.
                drop(reply.send(Ok(stored.by_ref().take(length).collect())));
            }
        }
        Err(error)
            if replies.len() == 1 || error.kind() == StoreErrorKind::Unavailable && !is_blocked(&error) =>
        {
            let message = error.to_string();
            let mut error = Some(error);
            for reply in replies {
                // Only the first reply has the source of the error.
                let told = error
                    .take()
                    .unwrap_or_else(|| StoreError::new(StoreErrorKind::Unavailable, message.clone()));
                drop(reply.send(Err(told)));
            }
        }
        // One call may have caused the error for the whole batch.
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
