use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, Response};
use pin_project_lite::pin_project;

use crate::{Trail, lines};

pin_project! {
    /// The response of a [`HandOn`](crate::HandOn).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct HandOnFuture<F> {
        #[pin]
        inner: F,
        trail: Trail,
        header: HeaderName,
    }
}

impl<F> HandOnFuture<F> {
    pub(super) fn new(inner: F, trail: Trail, header: HeaderName) -> Self {
        Self { inner, trail, header }
    }
}

impl<F, R, E> Future for HandOnFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        hand_on(this.trail, this.header, response.headers_mut());
        Poll::Ready(Ok(response))
    }
}

fn hand_on(trail: &Trail, name: &HeaderName, headers: &mut HeaderMap) {
    for id in trail.newest_first() {
        let lines = headers.get_all(name);
        if lines.iter().any(|line| line.as_bytes() == id.as_str().as_bytes()) {
            continue;
        }
        // A map that is full of other lines takes no more, and the response matters more than its ids.
        if lines.iter().count() >= lines::MOST || headers.try_append(name, id.to_header()).is_err() {
            return;
        }
    }
}
