use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use martello_body::Guarded;
use pin_project_lite::pin_project;

use crate::permit::Permit;

pin_project! {
    /// The body of a response, which holds its permit until it has ended: see [`Release::Body`](crate::Release).
    ///
    /// It yields what the inner body yields. Dropping it gives the permit back, after the inner body is gone.
    #[derive(Debug)]
    pub struct LimitBody<B> {
        #[pin]
        inner: Guarded<B, Permit>,
    }
}

impl<B: Body> LimitBody<B> {
    pub(crate) fn new(inner: B, permit: Option<Permit>) -> Self {
        Self { inner: Guarded::new(inner, permit) }
    }
}

impl<B: Body> Body for LimitBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
