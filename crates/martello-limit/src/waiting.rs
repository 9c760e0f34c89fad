use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;
use martello_outcome::{BoxError, CallError, CallNotes, Queued};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use crate::{permit::Permit, waiter::Waiter};

pin_project! {
    /// A request that found no free permit. It waits for one, and for the inner service to be ready, in whichever order
    /// they come; but it never keeps a permit from others while the service is not ready.
    pub(crate) struct Waiting<S, Q> {
        // Made when it is first polled in vain.
        #[pin]
        timer: Option<Sleep>,
        queued: Option<InQueue>,
        inner: S,
        request: Option<Q>,
    }
}

impl<S, B> Waiting<S, Request<B>>
where
    S: Service<Request<B>>,
{
    pub(crate) fn new(inner: S, request: Request<B>, waiter: Waiter) -> Self {
        let notes = CallNotes::of(request.extensions()).cloned();
        Self { timer: None, queued: Some(InQueue { waiter, notes }), inner, request: Some(request) }
    }

    /// Sends the request when its turn has come, with which comes its permit, and the inner service is ready.
    #[cold]
    pub(crate) fn poll(
        self: Pin<&mut Self>,
        permit: &mut Option<Permit>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Future, CallError>>
    where
        S::Error: Into<BoxError>,
    {
        let mut this = self.project();
        let Some(queued) = this.queued else { return Poll::Pending };
        let inner = this.inner;
        match queued.waiter.poll(cx, |cx| inner.poll_ready(cx)) {
            Poll::Ready(Ok(taken)) => {
                *permit = Some(taken);
                *this.queued = None;
                this.timer.set(None);
                match this.request.take() {
                    Some(request) => Poll::Ready(Ok(inner.call(request))),
                    None => Poll::Pending,
                }
            }
            Poll::Ready(Err(error)) => {
                *this.queued = None;
                Poll::Ready(Err(CallError::from_readiness(error)))
            }
            Poll::Pending => {
                ready!(queued.poll_timer(this.timer, cx));
                let error = queued.waiter.timed_out();
                *this.queued = None;
                Poll::Ready(Err(error))
            }
        }
    }
}

/// A place in the queue. However the wait ends, the notes of the call are told how long it took.
struct InQueue {
    waiter: Waiter,
    notes: Option<CallNotes>,
}

impl InQueue {
    /// Says that the request is queued, until its time is over.
    fn poll_timer(&self, mut timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Poll<()> {
        if timer.is_none() {
            timer.set(Some(tokio::time::sleep_until(self.waiter.until())));
        }
        let over = timer.as_pin_mut().map_or(Poll::Pending, |timer| timer.poll(cx));
        if over.is_pending() {
            Queued::report();
        }
        over
    }
}

impl Drop for InQueue {
    fn drop(&mut self) {
        if let Some(notes) = &self.notes {
            notes.waited_for_permit(Instant::now().saturating_duration_since(self.waiter.since()));
        }
    }
}
