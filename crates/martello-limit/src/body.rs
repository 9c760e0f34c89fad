use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http::{Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use martello_body::Guarded;
use martello_outcome::is_bodiless;
use pin_project_lite::pin_project;

use crate::acquire::Permit;

/// When the permit of a request that was answered is returned.
///
/// A request that ends without a response returns its permit at once, under either policy.
///
/// ```
/// use martello_limit::{ConcurrencyLimitLayer, Release};
///
/// let events = ConcurrencyLimitLayer::builder().release(Release::Head).build()?;
/// # Ok::<(), martello_limit::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// When the response body has ended: at the end of the stream, with trailers, with an error, or when it
    /// is dropped, whichever comes first. A response without a body returns the permit with its head. So do
    /// an upgrade (101) and a tunnel (a successful CONNECT), which have no body. This is the default, because
    /// the server counts a response that it is still sending as a request in flight.
    #[default]
    Body,
    /// When the response's head has arrived, as tower's own limit does. For responses that stay open for a
    /// long time, such as a stream of events.
    Head,
}

/// Which responses to a request hold its permit beyond their head.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeepsPermit {
    Never,
    /// For a CONNECT: unless it succeeded, because a tunnel has no body.
    UnlessTunnel,
    /// If the response may have a body.
    IfBody,
}

impl KeepsPermit {
    pub(crate) fn of(release: Release, method: &Method) -> Self {
        match (release, method) {
            (Release::Head, _) | (_, &Method::HEAD) => Self::Never,
            (_, &Method::CONNECT) => Self::UnlessTunnel,
            _ => Self::IfBody,
        }
    }

    /// Whether a response with this status may have a body, which then holds the permit.
    pub(crate) fn applies_to(self, status: StatusCode) -> bool {
        let bodiless = is_bodiless(status);
        match self {
            Self::Never => false,
            Self::UnlessTunnel => !bodiless && !status.is_success(),
            Self::IfBody => !bodiless,
        }
    }
}

pin_project! {
    /// The body of a response. It holds the request's permit until it has ended: see [`Release::Body`].
    ///
    /// It yields what the inner body yields. Dropping it drops the inner body and then returns the permit.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::{BodyExt, Full};
    /// use martello_limit::ConcurrencyLimitLayer;
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let layer = ConcurrencyLimitLayer::default();
    /// let service = layer.layer(service_fn(async |_: Request<()>| {
    ///     Ok::<_, std::io::Error>(Response::new(Full::new(bytes::Bytes::from("hello"))))
    /// }));
    ///
    /// let response = service.oneshot(Request::new(())).await?;
    /// assert_eq!(layer.usage().in_flight, 1);
    /// response.into_body().collect().await?;
    /// assert_eq!(layer.usage().in_flight, 0);
    /// # Ok(())
    /// # }
    /// ```
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
