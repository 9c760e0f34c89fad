use http::HeaderName;
use martello_outcome::ConfigError;
use tower_layer::Layer;

use crate::{PropagateTrackingId, header};

/// Hands on the ids of the calls that a server makes while it answers a request.
///
/// Each incoming request gets a fresh [`TrackingIds`](crate::TrackingIds) in its extensions. A handler takes it from there and
/// puts it into the extensions of its outbound requests, which pass a [`TrackingLayer`](crate::TrackingLayer). When the
/// response comes, the call's ids are added to it as lines of the header, those of the newest attempt first:
/// if this server gives no id of its own, its caller takes the first line for the attempt's, and the newest
/// attempt is what most likely decided the answer.
///
/// Lines that stand on the response already are left as they are, and come first. An id that is among them is
/// not repeated. There are at most eight lines in all; the ids of the oldest attempts are left out. Where the
/// service inside ends in an error there is no response to put them on; axum's routes never do.
///
/// A clone is the same layer again; nothing is shared between requests.
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
    /// # Errors
    ///
    /// When the name is none by RFC 9110 §5.1.
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
