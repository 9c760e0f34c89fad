use http::Extensions;
use martello_limit::ConcurrencyLimitLayer;
use martello_log::{LogBuilder, LogLayer};
use martello_outcome::{CallerId, ConfigError};
use martello_retry::{RetryBuilder, RetryLayer};
use martello_tracking::{TrackingBuilder, TrackingLayer};

use super::StackLayer;

/// Builds a stack of the four layers, in this order. Use one stack per endpoint.
///
/// ```text
/// LogLayer::calls → RetryLayer → ConcurrencyLimitLayer(5) → LogLayer::attempts → TrackingLayer → client
/// ```
///
/// Whichever layers are on or off, the result over a client `C` is a [`Stacked<C>`](crate::Stacked), a type
/// that you can name in a struct. Add your own layers on both sides: a layer for each attempt, such as
/// authentication, wraps the client; a layer for each call wraps the finished stack. If a layer around the
/// client fails before it calls the client, let it return a [`CallError::unsent`](crate::CallError::unsent),
/// so that the request is retried whatever its method.
///
/// `Stack` changes two defaults of the layers. It counts 502 as unavailable, because a proxy answers 502 when
/// its server resets or refuses the connection. And it retries a 429 that has a `Retry-After`, after that
/// time.
///
/// ```
/// use martello::{ConcurrencyLimitLayer, Stack};
///
/// let five = ConcurrencyLimitLayer::default(); // clones share their five permits
/// let orders = Stack::new().limit(five.clone()).build()?;
/// let plans = Stack::new().limit(five).without_retry().build()?;
/// let reports = Stack::new()
///     .retry(|retry| retry.attempts(6).whole_responses(8 << 20))
///     .tracking(|tracking| tracking.header("x-request-id"))
///     .log(|log| log.show_query(["since"]))
///     .build()?;
/// # Ok::<(), martello::ConfigError>(())
/// ```
///
/// Use a clone for another endpoint of the same API: both share the limit and the budget.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct Stack {
    retry: RetryBuilder,
    once: bool,
    limit: ConcurrencyLimitLayer,
    log: Option<LogBuilder>,
    tracking: Option<TrackingBuilder>,
}

impl Stack {
    /// Creates a builder with all four layers on, and with five permits of its own.
    pub fn new() -> Self {
        Self {
            retry: RetryLayer::builder().unavailable([502, 503, 504]).retry_too_many_requests(),
            once: false,
            limit: ConcurrencyLimitLayer::default(),
            log: Some(LogLayer::builder()),
            tracking: Some(TrackingLayer::builder()),
        }
    }

    /// Configures the retry layer, starting from the stack's defaults.
    ///
    /// ```
    /// use martello::Stack;
    ///
    /// let layer = Stack::new().retry(|retry| retry.attempts(6)).build()?;
    /// let invalid = Stack::new().retry(|retry| retry.attempts(0)).build().unwrap_err();
    /// assert_eq!(invalid.to_string(), "`attempts` is 0, but must be 1 to 100");
    /// # drop(layer);
    /// # Ok::<(), martello::ConfigError>(())
    /// ```
    pub fn retry(mut self, configure: impl FnOnce(RetryBuilder) -> RetryBuilder) -> Self {
        self.retry = configure(self.retry);
        self
    }

    /// Makes one attempt per call. The timeouts stay on, because a request that hangs would hold its permit
    /// for ever.
    pub fn without_retry(mut self) -> Self {
        self.once = true;
        self
    }

    /// Uses the permits of this layer. All clones of the layer share them.
    pub fn limit(mut self, limit: ConcurrencyLimitLayer) -> Self {
        self.limit = limit;
        self
    }

    /// Allows any number of concurrent requests.
    pub fn without_limit(self) -> Self {
        self.limit(ConcurrencyLimitLayer::unlimited())
    }

    /// Configures the records of calls and attempts. The retry layer's classifier replaces one set here.
    pub fn log(mut self, configure: impl FnOnce(LogBuilder) -> LogBuilder) -> Self {
        self.log = Some(configure(self.log.unwrap_or_default()));
        self
    }

    /// Turns off records, spans and metrics.
    pub fn without_log(mut self) -> Self {
        self.log = None;
        self
    }

    /// Configures which response header has the id of an attempt, and whether the caller's own id is sent
    /// with each request.
    pub fn tracking(mut self, configure: impl FnOnce(TrackingBuilder) -> TrackingBuilder) -> Self {
        self.tracking = Some(configure(self.tracking.unwrap_or_default()));
        self
    }

    /// Turns off tracking ids.
    pub fn without_tracking(mut self) -> Self {
        self.tracking = None;
        self
    }

    /// Sends the caller's own id in this header, and writes it to every record, beside the server's id.
    ///
    /// `source` reads the id from the request's extensions, where a layer outside the stack has put it, such
    /// as tower-http's `SetRequestIdLayer`.
    ///
    /// ```
    /// use http::Extensions;
    /// use martello::{CallerId, Stack};
    /// use tower_http::request_id::RequestId;
    ///
    /// fn caller_id(extensions: &Extensions) -> Option<CallerId> {
    ///     CallerId::from_header(extensions.get::<RequestId>()?.header_value()).ok()
    /// }
    ///
    /// let layer = Stack::new().caller_id_with("x-correlation-id", caller_id).build()?;
    /// # drop(layer);
    /// # Ok::<(), martello::ConfigError>(())
    /// ```
    pub fn caller_id_with(self, header: &str, source: fn(&Extensions) -> Option<CallerId>) -> Self {
        self.tracking(|tracking| tracking.caller_id_with(header, source))
            .log(|log| log.caller_id_with(source))
    }

    /// Builds the layer.
    ///
    /// # Errors
    ///
    /// When a value of a layer is out of its range. The error names the value and the range.
    pub fn build(self) -> Result<StackLayer, ConfigError> {
        let retry = if self.once { self.retry.attempts(1) } else { self.retry }.build()?;
        let log = self.log.map(|log| log.classifier(retry.classifier()));
        let (calls, attempts) = match log {
            Some(log) => (log.clone().build_calls()?, log.build_attempts()?),
            None => (LogLayer::off(), LogLayer::off()),
        };
        let tracking = self.tracking.map_or_else(|| Ok(TrackingLayer::off()), TrackingBuilder::build)?;
        Ok(StackLayer { calls, retry, limit: self.limit, attempts, tracking })
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}
