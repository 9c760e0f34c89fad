use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Sleep;

use crate::{BodyError, BodyErrorKind, error::BoxError};

pin_project! {
    /// A body that fails with [`BodyErrorKind::Idle`] when its next frame takes longer than a timeout.
    ///
    /// The time runs only while a reader waits for a frame, so that a slow reader fails nothing. After the
    /// error the body yields nothing more.
    #[derive(Debug)]
    pub struct IdleTimeout<B> {
        #[pin]
        body: B,
        timeout: Option<Duration>,
        // Made when the reader first has to wait: a body whose frames are there costs no timer.
        #[pin]
        timer: Option<Sleep>,
        failed: bool,
    }
}

impl<B> IdleTimeout<B> {
    /// Fails `body` when a frame takes longer than `timeout`; `None` waits for ever.
    pub fn new(body: B, timeout: Option<Duration>) -> Self {
        Self {
            body,
            timeout,
            timer: None,
            failed: false,
        }
    }
}

impl<B> Body for IdleTimeout<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BodyError>>> {
        let mut this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            if this.timer.is_some() {
                this.timer.set(None);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::inner)));
        }
        let Some(timeout) = *this.timeout else {
            return Poll::Pending;
        };
        if this.timer.is_none() {
            this.timer.set(Some(tokio::time::sleep(timeout)));
        }
        let Some(timer) = this.timer.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        std::task::ready!(timer.poll(cx));
        *this.failed = true;
        Poll::Ready(Some(Err(BodyError::new(BodyErrorKind::Idle))))
    }

    fn is_end_stream(&self) -> bool {
        self.failed || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
