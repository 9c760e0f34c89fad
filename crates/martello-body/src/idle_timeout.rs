use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::{BodyError, BodyErrorKind, error::BoxError};

pin_project! {
    /// A body that fails with [`BodyErrorKind::Idle`] when its next frame takes longer than a timeout.
    ///
    /// The time runs only while a reader waits for a frame, so that a slow reader fails nothing. After the
    /// error the body yields nothing more.
    ///
    /// # Panics
    ///
    /// When a reader has to wait outside a tokio runtime whose time is enabled.
    #[derive(Debug)]
    pub struct IdleTimeout<B> {
        #[pin]
        body: B,
        timeout: Option<Duration>,
        // Made when the reader first has to wait: a body whose frames are there costs no timer. Boxed, so that
        // the body stays `Unpin` where the body inside is, and `frame().await` on a response keeps working.
        timer: Option<Pin<Box<Sleep>>>,
        running: bool,
        failed: bool,
    }
}

impl<B> IdleTimeout<B> {
    /// Fails `body` when a frame takes longer than `timeout`; `None` waits for ever.
    pub fn new(body: B, timeout: Option<Duration>) -> Self {
        Self { body, timeout, timer: None, running: false, failed: false }
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
        let this = self.project();
        if *this.failed {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            *this.running = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::inner)));
        }
        let Some(timeout) = *this.timeout else { return Poll::Pending };
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !*this.running {
            // A sum beyond what the clock can tell is as good as never; the timer as made is long enough then.
            if let Some(due) = Instant::now().checked_add(timeout) {
                timer.as_mut().reset(due);
            }
            *this.running = true;
        }
        std::task::ready!(timer.as_mut().poll(cx));
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
