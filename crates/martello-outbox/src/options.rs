use std::time::Duration;

use http::Extensions;

use crate::{OrderKey, WhenPending};

/// What one request asks of the outbox, in its extensions, in place of what the outbox is configured to do.
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

    /// Orders the request by nothing: it overtakes, and is overtaken.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.order_key = Some(None);
        self
    }

    /// Takes the place of the older requests of its key that no worker has, instead of waiting behind them: for a
    /// request that carries the whole state of that key, which has no header in it unless you say so.
    #[must_use]
    pub fn supersede(mut self) -> Self {
        self.when_pending = Some(WhenPending::Supersede);
        self
    }

    /// Stores the request only if its queue has none with this text, in whatever state: 1 to 255 bytes. What was
    /// delivered counts for as long as it is kept.
    #[must_use]
    pub fn dedup_key(mut self, key: impl AsRef<str>) -> Self {
        self.dedup_key = Some(key.as_ref().into());
        self
    }

    /// Delivers a request that is stored no earlier than after this long.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Gives a request that is stored up after this long, in place of the outbox's setting.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// Lets workers make this many attempts, from 1, in place of the outbox's setting.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts.max(1));
        self
    }
}
