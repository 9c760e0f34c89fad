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
    /// The time runs only while a reader waits for a frame: a slow reader causes no timeout. A body that
    /// failed is dropped at once and yields nothing more. During a drop after a timeout,
    /// [`Abandoned`](martello_outcome::Abandoned) has the reason.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http_body_util::BodyExt;
    /// use martello_body::{Body, IdleTimeout};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// let body = IdleTimeout::new(Body::from("plan"), Some(Duration::from_secs(30)));
    /// assert_eq!(body.collect().await?.to_bytes(), "plan");
    /// # Ok::<(), martello_body::BodyError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When a reader has to wait outside a tokio runtime whose time is enabled.
    #[derive(Debug)]
    pub struct IdleTimeout<B> {
        // `None` once it failed.
        #[pin]
        body: Option<B>,
        timeout: Option<Duration>,
        // Created when the reader first has to wait: a body whose frames are ready needs no timer. Boxed, so
        // that this body is `Unpin` if the inner body is, and `frame().await` on a response works.
        timer: Option<Pin<Box<Sleep>>>,
        running: bool,
    }
}

impl<B> IdleTimeout<B> {
    /// Fails `body` when a frame takes longer than `timeout`; `None` waits without a limit.
    pub fn new(body: B, timeout: Option<Duration>) -> Self {
        Self { body: Some(body), timeout, timer: None, running: false }
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
        let Some(body) = this.body.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = body.poll_frame(cx) {
            *this.running = false;
            return Poll::Ready(match frame {
                Some(Ok(frame)) => Some(Ok(frame)),
                Some(Err(error)) => {
                    this.body.set(None);
                    Some(Err(BodyError::inner(error)))
                }
                None => None,
            });
        }
        let Some(timeout) = *this.timeout else { return Poll::Pending };
        let timer = this.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !*this.running {
            // If the sum is beyond what the clock can represent, the timer as it was created is long enough.
            if let Some(due) = Instant::now().checked_add(timeout) {
                timer.as_mut().reset(due);
            }
            *this.running = true;
        }
        std::task::ready!(timer.as_mut().poll(cx));
        BodyErrorKind::Idle.while_dropping(|| this.body.set(None));
        Poll::Ready(Some(Err(BodyError::new(BodyErrorKind::Idle))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
