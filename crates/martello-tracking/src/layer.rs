use std::sync::Arc;

use martello_outcome::{CallerId, ConfigError};
use tower_layer::Layer;

use crate::{
    Tracking,
    header::{self, CallerIdSource, Config, Sends},
};

/// Reads the tracking id of each response, and optionally sends the caller's own id.
///
/// The default reads `Trackingid` and sends nothing. A clone shares no state: the ids belong to the response
/// and to the request's [`TrackingIds`](crate::TrackingIds).
///
/// ```
/// use martello_outcome::TrackingId;
/// use martello_tracking::TrackingLayer;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let client = service_fn(async |_: http::Request<()>| {
///     http::Response::builder().header("trackingid", "5f1c-77").body(())
/// });
/// let api = ServiceBuilder::new().layer(TrackingLayer::default()).service(client);
/// let response = api.oneshot(http::Request::new(())).await?;
/// assert_eq!(TrackingId::of(&response).map(TrackingId::as_str), Some("5f1c-77"));
/// # Ok::<(), tower::BoxError>(()) })?;
/// # Ok::<(), tower::BoxError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrackingLayer {
    // Shared by services and futures: the configuration has 88 bytes, which each clone and each future would
    // copy.
    config: Option<Arc<Config>>,
}

impl TrackingLayer {
    /// A builder, to read another header or to send the caller's id.
    ///
    /// ```
    /// use martello_tracking::TrackingLayer;
    ///
    /// let layer = TrackingLayer::builder().header("x-request-id").caller_id("x-correlation-id").build()?;
    /// # let _: TrackingLayer = layer;
    /// # Ok::<(), martello_outcome::ConfigError>(())
    /// ```
    pub fn builder() -> TrackingBuilder {
        TrackingBuilder::default()
    }

    fn new(config: Config) -> Self {
        Self { config: Some(Arc::new(config)) }
    }

    /// A layer that does nothing, to disable tracking without a change of the stack's type.
    ///
    /// ```
    /// use martello_tracking::TrackingLayer;
    ///
    /// let enabled = false;
    /// let layer = if enabled { TrackingLayer::default() } else { TrackingLayer::off() };
    /// # let _: TrackingLayer = layer;
    /// ```
    #[must_use]
    pub fn off() -> Self {
        Self { config: None }
    }
}

impl Default for TrackingLayer {
    fn default() -> Self {
        Self::new(Config { reads: header::default_header(), sends: None })
    }
}

impl<S> Layer<S> for TrackingLayer {
    type Service = Tracking<S>;

    fn layer(&self, inner: S) -> Tracking<S> {
        Tracking::new(inner, self.config.clone())
    }
}

/// Builds a [`TrackingLayer`]; [`build`](Self::build) checks the header names.
///
/// ```
/// use martello_tracking::TrackingLayer;
///
/// let error = TrackingLayer::builder().header("not a name").build().unwrap_err();
/// assert_eq!(error.field(), "header");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct TrackingBuilder {
    reads: Option<String>,
    sends: Option<(String, CallerIdSource)>,
}

impl TrackingBuilder {
    /// Sets the response header that contains the server's id; `Trackingid` by default.
    pub fn header(mut self, name: impl AsRef<str>) -> Self {
        self.reads = Some(name.as_ref().to_owned());
        self
    }

    /// Sends the [`CallerId`] of the request's extensions, if there is one, in this request header.
    ///
    /// A request that already has this header keeps it.
    pub fn caller_id(self, header: impl AsRef<str>) -> Self {
        self.caller_id_with(header, CallerId::of)
    }

    /// As [`TrackingBuilder::caller_id`], with an id from elsewhere in the request's extensions, such as
    /// tower-http's `RequestId`.
    ///
    /// A [`CallerId`] in the extensions takes precedence over `source`. The id that `source` returns is
    /// inserted as a [`CallerId`], for the inner layers. An outer layer, such as a log, has read the
    /// extensions before: pass it the same function, as `Stack::caller_id_with` of the facade does.
    ///
    /// ```
    /// use martello_outcome::CallerId;
    /// use martello_tracking::TrackingLayer;
    /// use tower_http::request_id::RequestId;
    ///
    /// let layer = TrackingLayer::builder().caller_id_with("x-correlation-id", |extensions| {
    ///     CallerId::from_header(extensions.get::<RequestId>()?.header_value()).ok()
    /// });
    /// # layer.build()?;
    /// # Ok::<(), martello_outcome::ConfigError>(())
    /// ```
    pub fn caller_id_with(mut self, header: impl AsRef<str>, source: CallerIdSource) -> Self {
        self.sends = Some((header.as_ref().to_owned(), source));
        self
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// If a header name is invalid (RFC 9110 §5.1).
    pub fn build(self) -> Result<TrackingLayer, ConfigError> {
        let reads = match self.reads {
            Some(name) => header::header_name("header", &name)?,
            None => header::default_header(),
        };
        let sends = match self.sends {
            Some((name, source)) => Some(Sends { header: header::header_name("caller_id", &name)?, source }),
            None => None,
        };
        Ok(TrackingLayer::new(Config { reads, sends }))
    }
}
