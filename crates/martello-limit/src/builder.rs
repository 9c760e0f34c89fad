use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use martello_outcome::{ConfigError, RequestHead};

use crate::{
    ConcurrencyLimitLayer, Release,
    keys::{self, KeyFn},
    limiter::Limiter,
    state::LimiterState,
};

const MAX_PERMITS: usize = 65_535;
const MAX_WAITING: usize = 1_000_000;
const MIN_WAIT: Duration = Duration::from_millis(1);
const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Configures a [`ConcurrencyLimitLayer`].
///
/// # Defaults
///
/// | setting | default | reason |
/// |---|---|---|
/// | [`permits`](Self::permits) | 5 | what such an API allows one customer |
/// | [`max_waiting`](Self::max_waiting) | 1,000 | at five responses a second, the last waits longer than any caller does |
/// | [`max_wait`](Self::max_wait) | 30 s | as long as one attempt may take |
/// | [`release`](Self::release) | at the end of the body | the server works on the request until then |
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
/// # Ok::<(), martello_limit::ConfigError>(())
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

impl ConcurrencyLimitLayer {
    /// Creates a limit of `permits` (1 to 65,535), with the [defaults](ConcurrencyLimitBuilder#defaults)
    /// otherwise.
    ///
    /// # Errors
    ///
    /// When the number is out of range.
    ///
    /// ```
    /// use martello_limit::ConcurrencyLimitLayer;
    ///
    /// assert_eq!(ConcurrencyLimitLayer::new(3)?.usage().permits, Some(3));
    /// assert!(ConcurrencyLimitLayer::new(0).is_err());
    /// # Ok::<(), martello_limit::ConfigError>(())
    /// ```
    pub fn new(permits: usize) -> Result<Self, ConfigError> {
        Self::builder().permits(permits).build()
    }

    /// Starts with the [defaults](ConcurrencyLimitBuilder#defaults).
    pub fn builder() -> ConcurrencyLimitBuilder {
        ConcurrencyLimitBuilder::default()
    }
}

/// Five permits, and the other [defaults](ConcurrencyLimitBuilder#defaults).
impl Default for ConcurrencyLimitLayer {
    fn default() -> Self {
        Self::builder().into_layer()
    }
}

impl ConcurrencyLimitBuilder {
    /// Sets how many requests may be in flight at the same time, 1 to 65,535; with keys, for each key.
    pub fn permits(mut self, permits: usize) -> Self {
        self.permits = permits;
        self
    }

    /// Sets how many requests may wait, for a permit or for their client, from 0 to 1,000,000, over all keys.
    /// One more fails at once with [`ErrorKind::LimitFull`](martello_outcome::ErrorKind::LimitFull). With 0
    /// no request waits.
    ///
    /// A request that was granted a permit does not count. If its client is not ready, the request waits
    /// again, even if the queue is full by then. The maximum can therefore be exceeded by the number of
    /// permits.
    pub fn max_waiting(mut self, requests: usize) -> Self {
        self.max_waiting = requests;
        self
    }

    /// Sets how long a request waits, for a permit and for its client together, from 1 ms to 1 h, before it
    /// fails with [`ErrorKind::LimitWaitTimeout`](martello_outcome::ErrorKind::LimitWaitTimeout).
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.max_wait = time;
        self
    }

    /// Sets when a permit is returned.
    pub fn release(mut self, release: Release) -> Self {
        self.release = release;
        self
    }

    /// Gives each key its own permits. The function returns the key of a request, and is called once for each
    /// request; it should be fast.
    ///
    /// A key is kept while a request of it is in flight or waits, so that there are never more keys than such
    /// requests. The first request of a key copies the key; the next ones allocate nothing.
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
    /// # Ok::<(), martello_limit::ConfigError>(())
    /// ```
    pub fn key_by<F>(mut self, key: F) -> Self
    where
        F: for<'a> Fn(RequestHead<'a>) -> Cow<'a, str> + Send + Sync + 'static,
    {
        self.key = Some(Arc::new(key));
        self
    }

    /// Gives each authority (host and port) its own permits. The authority comes from the request's URI or,
    /// if that has none, from the `Host` header. Spelling makes no difference: case, userinfo and the default
    /// port of the scheme are ignored ([`RequestHead::authority`]).
    ///
    /// ```
    /// use martello_limit::ConcurrencyLimitLayer;
    ///
    /// let five_per_server = ConcurrencyLimitLayer::builder().by_authority().build()?;
    /// assert_eq!(five_per_server.usage().keys, 0);
    /// # Ok::<(), martello_limit::ConfigError>(())
    /// ```
    pub fn by_authority(self) -> Self {
        self.key_by(keys::authority)
    }

    /// Checks the values and creates the layer.
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

    fn into_layer(self) -> ConcurrencyLimitLayer {
        let state = LimiterState::new(self.permits, self.max_waiting);
        ConcurrencyLimitLayer::limited(Limiter::new(state, self.max_wait, self.key), self.release)
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
