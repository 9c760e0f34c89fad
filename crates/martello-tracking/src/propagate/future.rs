use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, Response};
use pin_project_lite::pin_project;

use crate::{TrackingIds, header};

pin_project! {
    /// The response of a [`PropagateTrackingId`](crate::PropagateTrackingId).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct PropagateTrackingIdFuture<F> {
        #[pin]
        inner: F,
        tracking_ids: TrackingIds,
        header: HeaderName,
    }
}

impl<F> PropagateTrackingIdFuture<F> {
    pub(super) fn new(inner: F, tracking_ids: TrackingIds, header: HeaderName) -> Self {
        Self { inner, tracking_ids, header }
    }
}

impl<F, R, E> Future for PropagateTrackingIdFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        propagate(this.tracking_ids, this.header, response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

fn propagate(tracking_ids: &TrackingIds, name: &HeaderName, headers: &mut HeaderMap) {
    for id in tracking_ids.newest_first() {
        let lines = headers.get_all(name);
        if lines.iter().any(|line| line.as_bytes() == id.as_str().as_bytes()) {
            continue;
        }
        // If the map is full, the response is returned without further ids.
        if lines.iter().count() >= header::MAX_IDS || headers.try_append(name, id.to_header()).is_err() {
            return;
        }
    }
}
