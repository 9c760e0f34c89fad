use http::Extensions;
use martello_limit::ConcurrencyLimitLayer;
use martello_log::{LogBuilder, LogLayer};
use martello_outcome::{CallerId, ConfigError};
use martello_retry::{RetryBuilder, RetryLayer};
use martello_tracking::{TrackingBuilder, TrackingLayer};

use super::StackLayer;

/// Composes the four layers in the order in which they work best, one stack per endpoint:
///
/// ```text
/// LogLayer::calls → RetryLayer → ConcurrencyLimitLayer(5) → LogLayer::attempts → TrackingLayer → client
/// ```
///
/// Whatever is switched on or off, the result over a client `C` is a [`Stacked<C>`](crate::Stacked), so that it
/// can be named in a struct. Your own layers fit on both sides: what belongs to each attempt, such as
/// authentication, goes around the client that the stack is given; what belongs to the call goes around the
/// finished stack. One around the client that fails before it calls the client hands on a
/// [`CallError::unsent`](crate::CallError::unsent), so that the request may go again whatever its method.
///
/// Beyond the layers' own defaults it counts 502 as unavailable, which is what a proxy answers when its server
/// resets or refuses, and waits out a 429 that says for how long.
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
/// A clone is for another endpoint of the same API: the two share limit and budget.
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
    /// All four parts, with five permits of its own.
    pub fn new() -> Self {
        Self {
            retry: RetryLayer::builder().unavailable([502, 503, 504]).retry_too_many_requests(),
            once: false,
            limit: ConcurrencyLimitLayer::default(),
            log: Some(LogLayer::builder()),
            tracking: Some(TrackingLayer::builder()),
        }
    }

    /// Configures the retries, starting from the stack's defaults.
    pub fn retry(mut self, configure: impl FnOnce(RetryBuilder) -> RetryBuilder) -> Self {
        self.retry = configure(self.retry);
        self
    }

    /// One attempt per call. The timeouts stay: a request that hangs for ever would keep its permit for ever.
    pub fn without_retry(mut self) -> Self {
        self.once = true;
        self
    }

    /// Uses the permits of this layer, which are shared with whoever else has a clone of it.
    pub fn limit(mut self, limit: ConcurrencyLimitLayer) -> Self {
        self.limit = limit;
        self
    }

    /// Any number of requests at a time.
    pub fn without_limit(self) -> Self {
        self.limit(ConcurrencyLimitLayer::unlimited())
    }

    /// Configures the records of calls and attempts. Outcomes are those of the retry.
    pub fn log(mut self, configure: impl FnOnce(LogBuilder) -> LogBuilder) -> Self {
        self.log = Some(configure(self.log.unwrap_or_default()));
        self
    }

    /// No records, no spans, no metrics.
    pub fn without_log(mut self) -> Self {
        self.log = None;
        self
    }

    /// Configures which header names each attempt, and whether the caller's own id is sent along.
    pub fn tracking(mut self, configure: impl FnOnce(TrackingBuilder) -> TrackingBuilder) -> Self {
        self.tracking = Some(configure(self.tracking.unwrap_or_default()));
        self
    }

    /// Reads no ids.
    pub fn without_tracking(mut self) -> Self {
        self.tracking = None;
        self
    }

    /// Sends the caller's own id along in this header, and writes it beside the server's in every record. The
    /// function finds it in the request's extensions, where a layer outside has put it: tower-http's
    /// `RequestId`, for example.
    pub fn caller_id_with(self, header: &str, source: fn(&Extensions) -> Option<CallerId>) -> Self {
        self.tracking(|tracking| tracking.caller_id_with(header, source))
            .log(|log| log.caller_id_with(source))
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// When a value of a part is out of its range; the error names it.
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
