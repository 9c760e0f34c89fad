use std::sync::Arc;

use http::{Extensions, HeaderName};
use martello_outcome::{CallerId, ConfigError};
use tower_layer::Layer;

use crate::{Tracking, header};

/// Reads the id that the server gives each attempt, and sends the caller's own along.
///
/// The default reads `Trackingid` and sends nothing. A clone is the same layer again: there is no state to
/// share, because what was read belongs to the response and to the request's [`TrackingIds`](crate::TrackingIds).
#[derive(Clone, Debug)]
pub struct TrackingLayer {
    // Shared by services and futures: a header's name and what is sent are 88 bytes, which every clone of a service
    // and every response's future would carry about.
    config: Option<Arc<Config>>,
}

/// What a layer that is on does.
#[derive(Debug)]
pub(crate) struct Config {
    /// The response's header that holds the server's id.
    pub(crate) reads: HeaderName,
    pub(crate) sends: Option<Sends>,
}

/// How the caller's own id reaches the server.
#[derive(Debug)]
pub(crate) struct Sends {
    pub(crate) header: HeaderName,
    pub(crate) source: CallerIdSource,
}

type CallerIdSource = fn(&Extensions) -> Option<CallerId>;

impl TrackingLayer {
    /// Other headers than the default's.
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

    /// A layer that passes everything through, for a stack from which tracking is left out at the same type.
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

/// Collects what a [`TrackingLayer`] is to do.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct TrackingBuilder {
    reads: Option<String>,
    sends: Option<(String, CallerIdSource)>,
}

impl TrackingBuilder {
    /// The response's header that holds the server's id, in place of `Trackingid`.
    pub fn header(mut self, name: impl AsRef<str>) -> Self {
        self.reads = Some(name.as_ref().to_owned());
        self
    }

    /// The request's header in which the [`CallerId`] of the request's extensions is sent, if there is one.
    ///
    /// A request that bears this header already keeps its own.
    pub fn caller_id(self, header: impl AsRef<str>) -> Self {
        self.caller_id_with(header, CallerId::of)
    }

    /// As [`TrackingBuilder::caller_id`], with an id that is found elsewhere in the request's extensions, such
    /// as tower-http's `RequestId`.
    ///
    /// A [`CallerId`] that stands in the extensions goes before what `source` finds. What it finds is put there
    /// as a [`CallerId`], for the layers inside. A layer outside, such as a log, has looked already: give it the
    /// same function, as `Stack::caller_id_with` of the facade does.
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

    /// The layer.
    ///
    /// # Errors
    ///
    /// When a header name is none by RFC 9110 §5.1.
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
