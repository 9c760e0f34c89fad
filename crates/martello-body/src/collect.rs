use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{BodyError, BodyErrorKind, error::BoxError};

/// The most frames that one poll reads before it yields to the other tasks of its thread.
const FRAMES_PER_POLL: usize = 32;

pin_project! {
    /// A future that reads a body to its end and yields it as [`Whole`].
    ///
    /// It fails as soon as the body is, or declares to be, larger than the cap ([`BodyErrorKind::TooLarge`]),
    /// when the body fails, and when it ends before the length that it declared
    /// ([`BodyErrorKind::Truncated`]). Wrap the body in an [`IdleTimeout`](crate::IdleTimeout) to bound the
    /// time. The body is dropped when the future is ready or is dropped. If the future failed,
    /// [`Abandoned`](martello_outcome::Abandoned) has the reason during that drop.
    ///
    /// ```
    /// use martello_body::{Body, BodyErrorKind, Collect};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let whole = Collect::new(Body::from("{}"), 1024).await?;
    /// assert_eq!(whole.bytes(), "{}");
    ///
    /// let error = Collect::new(Body::from("too long"), 4).await.unwrap_err();
    /// assert_eq!(error.kind(), BodyErrorKind::TooLarge);
    /// # Ok::<(), martello_body::BodyError>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    #[project = CollectProjection]
    pub struct Collect<B> {
        // `None` at the end.
        #[pin]
        body: Option<B>,
        cap: usize,
        declared: u64,
        first: Bytes,
        rest: BytesMut,
        trailers: Option<HeaderMap>,
    }
}

impl<B: Body> Collect<B> {
    /// Reads `body`, which may have at most `cap` bytes.
    pub fn new(body: B, cap: usize) -> Self {
        let declared = body.size_hint().lower();
        Self { body: Some(body), cap, declared, first: Bytes::new(), rest: BytesMut::new(), trailers: None }
    }
}

impl<B> Future for Collect<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Whole, BodyError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let whole = ready!(this.poll_whole(cx));
        match &whole {
            Ok(_) => this.body.set(None),
            Err(error) => error.kind().while_dropping(|| this.body.set(None)),
        }
        Poll::Ready(whole)
    }
}

impl<B> CollectProjection<'_, B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Whole, BodyError>> {
        let Some(mut body) = self.body.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        if usize::try_from(*self.declared).map_or(true, |declared| declared > *self.cap) {
            return Poll::Ready(Err(BodyError::new(BodyErrorKind::TooLarge)));
        }
        for _ in 0..FRAMES_PER_POLL {
            let frame = match ready!(body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Poll::Ready(Err(as_body_error(error))),
                None => return Poll::Ready(finish(*self.declared, self.first, self.rest, self.trailers)),
            };
            match frame.into_data() {
                Ok(mut data) => {
                    if data.remaining() > *self.cap - self.first.len() - self.rest.len() {
                        return Poll::Ready(Err(BodyError::new(BodyErrorKind::TooLarge)));
                    }
                    let data = data.copy_to_bytes(data.remaining());
                    if self.first.is_empty() {
                        *self.first = data;
                    } else {
                        self.rest.extend_from_slice(&data);
                    }
                }
                Err(frame) => *self.trailers = frame.into_trailers().ok(),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// An error of this crate stays as it is, any other is wrapped.
fn as_body_error(error: impl Into<BoxError>) -> BodyError {
    match error.into().downcast::<BodyError>() {
        Ok(error) => *error,
        Err(error) => BodyError::inner(error),
    }
}

fn finish(
    declared: u64,
    first: &mut Bytes,
    rest: &mut BytesMut,
    trailers: &mut Option<HeaderMap>,
) -> Result<Whole, BodyError> {
    let bytes = if rest.is_empty() {
        std::mem::take(first)
    } else {
        let mut bytes = BytesMut::with_capacity(first.len() + rest.len());
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(rest);
        bytes.freeze()
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) < declared {
        return Err(BodyError::new(BodyErrorKind::Truncated));
    }
    Ok(Whole { bytes, trailers: trailers.take().map(Box::new) })
}

/// A body in memory: its bytes in one frame, and its trailers.
///
/// ```
/// use http_body::Body;
/// use martello_body::Whole;
///
/// let empty = Whole::default();
/// assert!(empty.is_end_stream() && empty.bytes().is_empty() && empty.trailers().is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Whole {
    bytes: Bytes,
    /// Boxed, because trailers are rare and a `HeaderMap` is four times as large as the rest.
    trailers: Option<Box<HeaderMap>>,
}

impl Whole {
    /// The bytes that were not read yet.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The trailers that were not read yet.
    #[must_use]
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = if self.bytes.is_empty() {
            self.trailers.take().map(|trailers| Frame::trailers(*trailers))
        } else {
            Some(Frame::data(std::mem::take(&mut self.bytes)))
        };
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.bytes.len()).unwrap_or(u64::MAX))
    }
}
