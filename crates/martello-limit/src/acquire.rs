use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Extensions, Request};
use martello_outcome::{CallError, CallNotes, ErrorKind, Outcome};
use tokio::time::Instant;

use crate::{
    group::WaiterId,
    limiter::{Admission, Limiter},
    slab::{Index, NONE},
    state::WaiterStatus,
    usage::GroupUsage,
};

/// What a request got from its limiter.
pub(crate) enum Acquired {
    Permit(Permit),
    Waiter(Waiter),
    /// The queue is full.
    Full(CallError),
}

impl Acquired {
    /// Acquires a permit for the request, or queues it.
    #[inline(always)]
    pub(crate) fn for_request<B>(limiter: &Arc<Limiter>, request: &Request<B>) -> Self {
        match limiter.acquire(request) {
            Admission::Granted { group } => Self::Permit(Permit::new(limiter, group)),
            Admission::Queued { group, waiter, since } => {
                Self::Waiter(Waiter::new(limiter, group, waiter, since, request.extensions()))
            }
            Admission::Full { waiting, usage } => Self::Full(full(waiting, &usage)),
        }
    }
}

#[cold]
fn full(waiting: usize, usage: &GroupUsage) -> CallError {
    let requests = if waiting == 1 { "request waits" } else { "requests wait" };
    let message = format!("the concurrency limit's queue is full: {waiting} {requests}; {usage}");
    CallError::new(ErrorKind::LimitFull, Outcome::Unsent, message)
}

/// The right to have one request in flight. Dropping it returns it.
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    group: Index,
    /// The batch of the response body that holds it, if one does.
    batch: Index,
}

impl Permit {
    fn new(limiter: &Arc<Limiter>, group: Index) -> Self {
        Self { limiter: Arc::clone(limiter), group, batch: NONE }
    }

    /// Counts the permit as held by a response body from now on.
    #[inline(always)]
    pub(crate) fn held_by_body(mut self) -> Self {
        self.batch = self.limiter.begin_body(self.group);
        self
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.limiter.release(self.group, self.batch);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A request that waits for a permit and for its client to be ready.
///
/// Dropping it leaves the queue, passes on a permit that was granted, and adds the wait to the notes of the
/// call.
#[derive(Debug)]
pub(crate) struct Waiter {
    limiter: Arc<Limiter>,
    group: Index,
    /// The index of its record, until it has a [`Permit`].
    id: Option<WaiterId>,
    /// Whether it waits for its client, not for a permit.
    aside: bool,
    since: Instant,
    notes: Option<CallNotes>,
}

impl Waiter {
    #[cold]
    fn new(
        limiter: &Arc<Limiter>,
        group: Index,
        id: WaiterId,
        since: Instant,
        extensions: &Extensions,
    ) -> Self {
        let notes = CallNotes::of(extensions).cloned();
        Self { limiter: Arc::clone(limiter), group, id: Some(id), aside: false, since, notes }
    }

    /// When the wait must end, for the permit and for the client together.
    pub(crate) fn deadline(&self) -> Instant {
        self.since + self.limiter.max_wait
    }

    /// Yields the permit when the waiter has one and `client` is ready. A waiter that has yielded it stays
    /// pending.
    ///
    /// The client is polled only when a permit was granted, or after that. If it is not ready, the waiter
    /// steps aside.
    pub(crate) fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
        client: impl FnOnce(&mut Context<'_>) -> Poll<Result<(), E>>,
    ) -> Poll<Result<Permit, E>> {
        let Some(id) = self.id else { return Poll::Pending };
        match self.limiter.poll(id, cx) {
            WaiterStatus::Waiting => return Poll::Pending,
            WaiterStatus::Granted => {
                let client = client(cx);
                if client.is_pending() {
                    self.aside = true;
                    self.limiter.step_aside(self.group, id);
                }
                // On an error the waiter still has its record: its drop passes the permit on.
                ready!(client)?;
            }
            WaiterStatus::Aside => {
                ready!(client(cx))?;
                self.aside = false;
                if !self.limiter.rejoin(self.group, id, cx) {
                    return Poll::Pending;
                }
            }
        }
        self.limiter.remove_granted(id);
        self.id = None;
        Poll::Ready(Ok(Permit::new(&self.limiter, self.group)))
    }

    /// The error of a wait that took too long.
    pub(crate) fn timed_out(&self) -> CallError {
        let cause = if self.aside { "the client was not ready" } else { "no permit became free" };
        let (waited, usage) = (self.limiter.max_wait, self.limiter.group_usage(self.group));
        let message = format!("{cause} within {waited:?}; {usage}");
        CallError::new(ErrorKind::LimitWaitTimeout, Outcome::Unsent, message)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if let Some(notes) = &self.notes {
            notes.waited_for_permit(Instant::now().saturating_duration_since(self.since));
        }
        if let Some(id) = self.id {
            self.limiter.leave(self.group, id);
        }
    }
}
