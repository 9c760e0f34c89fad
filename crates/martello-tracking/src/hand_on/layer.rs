use http::HeaderName;
use martello_outcome::ConfigError;
use tower_layer::Layer;

use crate::{HandOn, lines};

/// Hands on the ids of the calls that a server makes while it answers a request.
///
/// Each incoming request gets a fresh [`Trail`](crate::Trail) in its extensions. A handler takes it from there and
/// puts it into the extensions of its outbound requests, which pass a [`TrackingLayer`](crate::TrackingLayer). When the
/// response comes, the trail's ids are added to it as lines of the header, those of the newest attempt first:
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
/// use martello_tracking::{HandOnLayer, Trail};
///
/// async fn handler(Extension(trail): Extension<Trail>) {
///     let mut outbound = http::Request::new(());
///     outbound.extensions_mut().insert(trail);
/// }
///
/// let app: Router = Router::new().route("/", get(handler)).layer(HandOnLayer::default());
/// ```
#[derive(Clone, Debug)]
pub struct HandOnLayer {
    header: HeaderName,
}

impl HandOnLayer {
    /// A layer that writes this header in place of `Trackingid`.
    ///
    /// # Errors
    ///
    /// When the name is none by RFC 9110 §5.1.
    pub fn with_header(name: impl AsRef<str>) -> Result<Self, ConfigError> {
        Ok(Self { header: lines::header_name("header", name.as_ref())? })
    }
}

impl Default for HandOnLayer {
    fn default() -> Self {
        Self { header: lines::default_header() }
    }
}

impl<S> Layer<S> for HandOnLayer {
    type Service = HandOn<S>;

    fn layer(&self, inner: S) -> HandOn<S> {
        HandOn::new(inner, self.header.clone())
    }
}
