use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use martello_outcome::{CallError, ErrorKind, Outcome};
use tokio::time::Instant;

use crate::{
    limiter::Limiter,
    permit::Permit,
    queue::{Left, Turn},
    slab::Index,
};

/// A place in the queue for a permit. Dropping it leaves the queue, or passes on the permit that had come.
#[derive(Debug)]
pub(crate) struct Waiter {
    limiter: Arc<Limiter>,
    group: Index,
    /// The order of the places.
    number: u64,
    waiter: Option<Index>,
    /// Whether it waits for its client, and not for a permit.
    aside: bool,
    since: Instant,
}

impl Waiter {
    pub(crate) fn new(
        limiter: &Arc<Limiter>,
        group: Index,
        waiter: Index,
        number: u64,
        since: Instant,
    ) -> Self {
        let limiter = Arc::clone(limiter);
        Self { limiter, group, number, waiter: Some(waiter), aside: false, since }
    }

    /// When the request began to wait.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Until when it waits, for its permit and for its client.
    pub(crate) fn until(&self) -> Instant {
        self.since + self.limiter.max_wait
    }

    /// A permit, once there is one at a moment at which `client` is ready. A place that yielded it yields no other.
    ///
    /// The client is asked when a permit has come. If it is not ready, the permit goes to the next, and nothing comes
    /// before the client is.
    pub(crate) fn poll<E>(
        &mut self,
        cx: &mut Context<'_>,
        client: impl FnOnce(&mut Context<'_>) -> Poll<Result<(), E>>,
    ) -> Poll<Result<Permit, E>> {
        let permit = match self.turn(cx) {
            Turn::Wait => return Poll::Pending,
            Turn::Permit => Some(Permit::new(&self.limiter, self.group)),
            Turn::Aside => None,
        };
        match (client(cx), permit) {
            (Poll::Ready(Ok(())), Some(permit)) => Poll::Ready(Ok(permit)),
            (Poll::Ready(Ok(())), None) => {
                self.come_back(cx).map_or(Poll::Pending, |permit| Poll::Ready(Ok(permit)))
            }
            (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error)),
            (Poll::Pending, Some(permit)) => {
                self.step_aside(permit);
                Poll::Pending
            }
            (Poll::Pending, None) => Poll::Pending,
        }
    }

    fn turn(&mut self, cx: &Context<'_>) -> Turn {
        let Some(waiter) = self.waiter else {
            return Turn::Wait;
        };
        let mut waker = Some(Waker::clone(cx.waker()));
        let turn = self.limiter.lock().poll(waiter, &mut waker);
        if turn == Turn::Permit {
            self.waiter = None;
        }
        turn
    }

    /// Lets the permit go to the next, and keeps the place.
    fn step_aside(&mut self, permit: Permit) {
        self.waiter = self.limiter.lock().step_aside(self.group, self.number);
        self.aside = true;
        drop(permit);
    }

    /// Takes a permit that is free, or waits for the next that comes to this place.
    fn come_back(&mut self, cx: &Context<'_>) -> Option<Permit> {
        let waiter = self.waiter?;
        let mut waker = Some(Waker::clone(cx.waker()));
        let taken = self.limiter.lock().come_back(self.group, waiter, &mut waker);
        self.aside = false;
        taken.then(|| {
            self.waiter = None;
            Permit::new(&self.limiter, self.group)
        })
    }

    /// Why a request that has waited until its time was over is not sent.
    pub(crate) fn timed_out(&self) -> CallError {
        let waited = self.limiter.max_wait;
        // While it stands here, its group is there too.
        let usage = self.limiter.lock().usage(self.group, Instant::now());
        let missing = if self.aside { "the client was not ready" } else { "no permit came" };
        let message = format!("{missing} within {waited:?}: {usage}");
        CallError::new(ErrorKind::LimitWaitTimeout, Outcome::Unsent, message)
    }

    fn leave(&mut self) -> Option<Permit> {
        let waiter = self.waiter.take()?;
        let left = self.limiter.lock().leave(self.group, waiter);
        match left {
            Left::Granted => Some(Permit::new(&self.limiter, self.group)),
            Left::Waiting { waker } => {
                drop(waker);
                None
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
