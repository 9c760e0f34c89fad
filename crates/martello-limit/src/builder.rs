use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use martello_outcome::{ConfigError, RequestHead};

use crate::{
    ConcurrencyLimitLayer, Release,
    keys::{self, KeyFn},
    limiter::Limiter,
    queue::Queue,
};

const MAX_PERMITS: usize = 65_535;
const MAX_WAITING: usize = 1_000_000;
const MIN_WAIT: Duration = Duration::from_millis(1);
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Collects what a [`ConcurrencyLimitLayer`] is to do.
///
/// # Defaults
///
/// | what | default | why |
/// |---|---|---|
/// | [permits](Self::permits) | 5 | what such an API allows to one customer |
/// | [waiting](Self::max_waiting) | 1,000 | at five answers a second it is more than anybody waits for |
/// | [wait](Self::max_wait) | 30 s | as long as one attempt may take |
/// | [release](Self::release) | at the body's end | until then the server is at work |
/// | key | none | all requests share the permits |
///
/// ```
/// use std::time::Duration;
/// use martello_limit::ConcurrencyLimitLayer;
///
/// let limit = ConcurrencyLimitLayer::builder()
///     .permits(5)
///     .max_waiting(100)
///     .max_wait(Duration::from_secs(10))
///     .by_authority()
///     .build()?;
/// # Ok::<(), martello_outcome::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct ConcurrencyLimitBuilder {
    permits: usize,
    max_waiting: usize,
    max_wait: Duration,
    release: Release,
    key: Option<Arc<KeyFn>>,
}

impl Default for ConcurrencyLimitBuilder {
    fn default() -> Self {
        Self {
            permits: 5,
            max_waiting: 1_000,
            max_wait: Duration::from_secs(30),
            release: Release::default(),
            key: None,
        }
    }
}

impl ConcurrencyLimitBuilder {
    /// How many requests may be in flight at a time, from 1 to 65,535; with keys, for each key.
    pub fn permits(mut self, permits: usize) -> Self {
        self.permits = permits;
        self
    }

    /// How many requests may wait, for a permit or for their client, from 0 to 1,000,000, over all keys; one more
    /// fails at once with [`ErrorKind::LimitFull`](martello_outcome::ErrorKind::LimitFull). With 0 nobody waits.
    ///
    /// A request whose permit has come does not count. If its client turns out not to be ready it waits again, even
    /// where the queue is full by then: so there can be as many more as there are permits.
    pub fn max_waiting(mut self, requests: usize) -> Self {
        self.max_waiting = requests;
        self
    }

    /// How long a request waits, for a permit and for its client together, from 1 ms to 1 h, before it fails with
    /// [`ErrorKind::LimitWaitTimeout`](martello_outcome::ErrorKind::LimitWaitTimeout).
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.max_wait = time;
        self
    }

    /// When a permit is given back.
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Gives each key permits of its own. The function names the key of a request, and is asked once for each;
    /// it should be quick.
    ///
    /// A key is kept while it has a request in flight, so that there are never more keys than those. Where the
    /// first request of a key comes in, the key is copied; nothing is allocated for the next ones.
    ///
    /// ```
    /// # use std::borrow::Cow;
    /// # use martello_limit::ConcurrencyLimitLayer;
    /// let per_tenant = ConcurrencyLimitLayer::builder()
    ///     .key_by(|head| {
    ///         let tenant = head.headers.get("x-tenant").and_then(|tenant| tenant.to_str().ok());
    ///         Cow::Borrowed(tenant.unwrap_or_default())
    ///     })
    ///     .build()?;
    /// # Ok::<(), martello_outcome::ConfigError>(())
    /// ```
    pub fn key_by<F>(mut self, key: F) -> Self
    where
        F: for<'a> Fn(RequestHead<'a>) -> Cow<'a, str> + Send + Sync + 'static,
    {
        self.key = Some(Arc::new(key));
        self
    }

    /// Gives each authority (host and port) permits of its own: that of the request's URI or, for want of one,
    /// of its `Host`. How it is written makes no difference: upper case, userinfo and the default port of the
    /// scheme do not count ([`RequestHead::authority`]).
    pub fn by_authority(self) -> Self {
        self.key_by(keys::authority)
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// When a value is out of its range.
    pub fn build(self) -> Result<ConcurrencyLimitLayer, ConfigError> {
        if !(1..=MAX_PERMITS).contains(&self.permits) {
            return Err(ConfigError::new("permits", self.permits, "1 to 65,535"));
        }
        if self.max_waiting > MAX_WAITING {
            return Err(ConfigError::new("max_waiting", self.max_waiting, "0 to 1,000,000"));
        }
        if !(MIN_WAIT..=MAX_WAIT).contains(&self.max_wait) {
            let wait = format!("{:?}", self.max_wait);
            return Err(ConfigError::new("max_wait", wait, "1 ms to 1 h"));
        }
        Ok(self.into_layer())
    }

    pub(crate) fn into_layer(self) -> ConcurrencyLimitLayer {
        let queue = Queue::new(self.permits, self.max_waiting);
        ConcurrencyLimitLayer::limited(Limiter::new(queue, self.max_wait, self.release, self.key))
    }
}

impl fmt::Debug for ConcurrencyLimitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConcurrencyLimitBuilder")
            .field("permits", &self.permits)
            .field("max_waiting", &self.max_waiting)
            .field("max_wait", &self.max_wait)
            .field("release", &self.release)
            .field("keyed", &self.key.is_some())
            .finish()
    }
}
