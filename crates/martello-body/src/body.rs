use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::{BodyError, TryCopy, recorded::Recorded};

/// The body of a request: bytes, or a stream that is recorded while it is first sent.
///
/// Bytes are shared by all copies. A stream is recorded from the moment that a copy is asked for
/// ([`TryCopy::try_copy`]), up to the cap given there. A body of which no copy was asked for records nothing.
///
/// Dropping a body drops its stream, unless a copy still exists.
///
/// ```
/// use martello_body::Body;
///
/// let empty = Body::default();
/// let json = Body::from(r#"{"stops":3}"#);
/// let stream = Body::new(http_body_util::Full::from("streamed"));
/// ```
#[derive(Default)]
pub struct Body(Repr);

enum Repr {
    Bytes(Bytes),
    Stream(Recorded),
}

impl Default for Repr {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Body {
    /// An empty body.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// A body that streams another body.
    ///
    /// ```
    /// use http_body::Body as _;
    /// use martello_body::Body;
    ///
    /// let body = Body::new(http_body_util::Full::from("streamed"));
    /// assert_eq!(body.size_hint().exact(), Some(8));
    /// assert!(body.as_bytes().is_none());
    /// ```
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Repr::Stream(Recorded::new(body)))
    }

    /// The bytes that were not read yet; `None` if the body is a stream.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.0 {
            Repr::Bytes(bytes) => Some(bytes),
            Repr::Stream(_) => None,
        }
    }
}

impl TryCopy for Body {
    fn try_copy(&self, cap: usize) -> Option<Self> {
        match &self.0 {
            Repr::Bytes(bytes) => Some(Self(Repr::Bytes(bytes.clone()))),
            Repr::Stream(stream) => stream.try_copy(cap).map(|copy| Self(Repr::Stream(copy))),
        }
    }

    fn try_last_copy(&self, cap: usize) -> Option<Self> {
        match &self.0 {
            Repr::Bytes(bytes) => Some(Self(Repr::Bytes(bytes.clone()))),
            Repr::Stream(stream) => stream.try_last_copy(cap).map(|copy| Self(Repr::Stream(copy))),
        }
    }

    fn is_intact(&self) -> bool {
        match &self.0 {
            Repr::Bytes(_) => true,
            Repr::Stream(stream) => stream.is_intact(),
        }
    }

    fn switch_to_copy(&self) -> bool {
        match &self.0 {
            Repr::Bytes(_) => true,
            Repr::Stream(stream) => stream.switch_to_copy(),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.0 {
            Repr::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            Repr::Bytes(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Repr::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Repr::Bytes(bytes) => bytes.is_empty(),
            Repr::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Repr::Bytes(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Repr::Stream(stream) => stream.size_hint(),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Repr::Bytes(bytes))
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

macro_rules! from_bytes {
    ($($source:ty),*) => {$(
        impl From<$source> for Body {
            fn from(source: $source) -> Self {
                Self::from(Bytes::from(source))
            }
        }
    )*};
}

from_bytes!(&'static str, &'static [u8], String, Vec<u8>);

/// Shows the length of the body, not its content.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Repr::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}
