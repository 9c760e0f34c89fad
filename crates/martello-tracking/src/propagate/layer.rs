use http::HeaderName;
use martello_outcome::ConfigError;
use tower_layer::Layer;

use crate::{PropagateTrackingId, header};

/// Propagates the tracking ids of the outbound calls of a server to its own responses.
///
/// The layer inserts an empty [`TrackingIds`](crate::TrackingIds) into the extensions of each incoming
/// request. A handler puts it into the extensions of its outbound requests, which pass a
/// [`TrackingLayer`](crate::TrackingLayer). The layer then adds the ids to the response as header lines,
/// those of the newest attempt first: if this server sets no id of its own, its caller reads the first line
/// as the id of the attempt, and the newest attempt most likely decided the response.
///
/// Lines that are already on the response come first and stay unchanged. An id that is among them is not
/// repeated. There are at most eight lines in all; the ids of the oldest attempts are left out. If the inner
/// service returns an error, there is no response to add them to; axum's routes never do.
///
/// A clone shares nothing with the original.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use martello_tracking::{PropagateTrackingIdLayer, TrackingIds};
///
/// async fn handler(Extension(tracking_ids): Extension<TrackingIds>) {
///     let mut outbound = http::Request::new(());
///     outbound.extensions_mut().insert(tracking_ids);
/// }
///
/// let app: Router = Router::new().route("/", get(handler)).layer(PropagateTrackingIdLayer::default());
/// ```
#[derive(Clone, Debug)]
pub struct PropagateTrackingIdLayer {
    header: HeaderName,
}

impl PropagateTrackingIdLayer {
    /// A layer that writes this header in place of `Trackingid`.
    ///
    /// ```
    /// use martello_tracking::PropagateTrackingIdLayer;
    ///
    /// assert!(PropagateTrackingIdLayer::with_header("x-request-id").is_ok());
    /// assert!(PropagateTrackingIdLayer::with_header("not a name").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is invalid (RFC 9110 §5.1).
    pub fn with_header(name: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self { header: header::header_name("header", name.as_ref())? })
    }
}

impl Default for PropagateTrackingIdLayer {
    fn default() -> Self {
        Self { header: header::default_header() }
    }
}

impl<S> Layer<S> for PropagateTrackingIdLayer {
    type Service = PropagateTrackingId<S>;

    fn layer(&self, inner: S) -> PropagateTrackingId<S> {
        PropagateTrackingId::new(inner, self.header.clone())
    }
}
