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

use crate::{permit::Permit, place::Place};

pin_project! {
    /// A request that found no free permit. It waits for one, and then for the inner service.
    pub(crate) struct Waiting<S, Q> {
        // Made when it is first polled without a permit.
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
    pub(crate) fn new(inner: S, request: Request<B>, place: Place) -> Self {
        let notes = CallNotes::of(request.extensions()).cloned();
        Self { timer: None, queued: Some(InQueue { place, notes }), inner, request: Some(request) }
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
        if let Some(queued) = this.queued {
            *permit = Some(ready!(queued.poll(this.timer.as_mut(), cx))?);
            *this.queued = None;
            this.timer.set(None);
        }
        ready!(this.inner.poll_ready(cx)).map_err(CallError::from_readiness)?;
        match this.request.take() {
            Some(request) => Poll::Ready(Ok(this.inner.call(request))),
            None => Poll::Pending,
        }
    }
}

/// A place in the queue. However the wait ends, the notes of the call are told how long it took.
struct InQueue {
    place: Place,
    notes: Option<CallNotes>,
}

impl InQueue {
    fn poll(
        &mut self,
        mut timer: Pin<&mut Option<Sleep>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Permit, CallError>> {
        if let Poll::Ready(permit) = self.place.poll(cx) {
            return Poll::Ready(Ok(permit));
        }
        if timer.is_none() {
            timer.set(Some(tokio::time::sleep_until(self.place.until())));
        }
        match timer.as_pin_mut().map(|timer| timer.poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(self.place.give_up()),
            _ => {
                Queued::report();
                Poll::Pending
            }
        }
    }
}

impl Drop for InQueue {
    fn drop(&mut self) {
        if let Some(notes) = &self.notes {
            notes.waited_for_permit(Instant::now().saturating_duration_since(self.place.since()));
        }
    }
}
