use std::time::Duration;

use http::Extensions;

use crate::{OrderKey, WhenPending};

/// Options of one request, in its extensions. They override the settings of the outbox.
///
/// ```
/// use std::time::Duration;
/// use http::Request;
/// use martello_outbox::{OrderKey, OutboxOptions};
///
/// let options = OutboxOptions::new().order_key(OrderKey::new("order/17")?).expires_in(Duration::from_secs(3_600));
/// let request = Request::post("https://api.example/orders/17/stops").extension(options).body(())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct OutboxOptions {
    pub(crate) order_key: Option<Option<OrderKey>>,
    pub(crate) when_pending: Option<WhenPending>,
    pub(crate) dedup_key: Option<Box<str>>,
    pub(crate) delay: Duration,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) max_attempts: Option<u32>,
}

impl OutboxOptions {
    /// Options that change nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The options in these extensions of a request, or those that change nothing.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_default()
    }

    /// Orders the request by this key.
    #[must_use]
    pub fn order_key(mut self, key: OrderKey) -> Self {
        self.order_key = Some(Some(key));
        self
    }

    /// Gives the request no order: it may overtake others and be overtaken.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.order_key = Some(None);
        self
    }

    /// Cancels the older requests of its key that no worker has claimed, instead of waiting behind them. Use
    /// it for a request that carries the whole state of its key. Headers are not part of a key unless you add
    /// them.
    #[must_use]
    pub fn supersede(mut self) -> Self {
        self.when_pending = Some(WhenPending::Supersede);
        self
    }

    /// Stores the request only if its queue has no entry with this text, in any state: 1 to 255 bytes. A
    /// delivered entry counts until it is pruned.
    #[must_use]
    pub fn dedup_key(mut self, key: impl AsRef<str>) -> Self {
        self.dedup_key = Some(key.as_ref().into());
        self
    }

    /// Delivers a stored request after this delay at the earliest.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Sets when a stored request expires, in place of the outbox's setting.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// Sets how many attempts workers make, 1 or more, in place of the outbox's setting.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts.max(1));
        self
    }
}
