use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderValue, Response};
use martello_outcome::TrackingId;
use pin_project_lite::pin_project;

use crate::{
    header::{self, Config},
    tracking_ids::StartedAttempt,
};

pin_project! {
    /// The response of a [`Tracking`](crate::Tracking). Dropping it drops the attempt, and nothing is
    /// recorded of it.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        read: Option<Read>,
    }
}

/// Reads the ids of the response and records them.
#[derive(Debug)]
pub(crate) struct Read {
    config: Arc<Config>,
    tracking_ids: Option<StartedAttempt>,
}

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, read: Option<Read>) -> Self {
        Self { inner, read }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(id) = this.read.as_ref().and_then(|read| read.id(response.headers())) {
            response.extensions_mut().insert(id);
        }
        Poll::Ready(Ok(response))
    }
}

impl Read {
    pub(crate) fn new(config: &Arc<Config>, tracking_ids: Option<StartedAttempt>) -> Self {
        Self { config: Arc::clone(config), tracking_ids }
    }

    /// The id of the attempt. All ids of the response are recorded.
    #[inline]
    fn id(&self, headers: &HeaderMap) -> Option<TrackingId> {
        let line = headers.get(&self.config.reads)?;
        self.read(line, headers)
    }

    /// A separate function, so that a response without an id costs only the look-up.
    #[inline(never)]
    fn read(&self, line: &HeaderValue, headers: &HeaderMap) -> Option<TrackingId> {
        let Some(tracking_ids) = &self.tracking_ids else {
            // The common case is one line with one id, which needs no iterators.
            return TrackingId::from_header(line).ok().or_else(|| self.ids(headers, None));
        };
        self.ids(headers, Some(tracking_ids))
    }

    fn ids(&self, headers: &HeaderMap, tracking_ids: Option<&StartedAttempt>) -> Option<TrackingId> {
        let mut ids = header::ids(headers, &self.config.reads);
        let own = ids.next()?;
        if let Some(tracking_ids) = tracking_ids {
            tracking_ids.record(std::iter::once(own).chain(ids));
        }
        Some(own)
    }
}
