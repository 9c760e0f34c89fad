use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that holds a value, a permit for example, and drops it when the body ends.
    ///
    /// A body ends with the end of its stream, its last frame (if `is_end_stream` reports it), its trailers,
    /// an error or its drop, whichever comes first. An empty body has ended before it is polled. The inner
    /// body is dropped before the value. Frames, trailers and hints pass through unchanged.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use martello_body::{Body, Guarded};
    ///
    /// let permit = Arc::new(());
    /// let body = Guarded::new(Body::from("read me"), Some(permit.clone()));
    /// assert_eq!(Arc::strong_count(&permit), 2);
    /// drop(body);
    /// assert_eq!(Arc::strong_count(&permit), 1);
    /// ```
    #[derive(Debug)]
    pub struct Guarded<B, G> {
        #[pin]
        body: B,
        guard: Option<G>,
    }
}

impl<B: Body, G> Guarded<B, G> {
    /// Holds `guard` until `body` ends.
    pub fn new(body: B, guard: Option<G>) -> Self {
        let guard = guard.filter(|_| !body.is_end_stream());
        Self { body, guard }
    }
}

impl<B: Body, G> Body for Guarded<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = this.body.as_mut().poll_frame(cx);
        let ended = match &frame {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(frame))) => frame.is_trailers() || this.body.is_end_stream(),
            Poll::Ready(Some(Err(_)) | None) => true,
        };
        if ended {
            *this.guard = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
