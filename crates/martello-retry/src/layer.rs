use std::{fmt, sync::Arc, time::Duration};

use martello_outcome::{Classifier, Repeatable};
use tower_layer::Layer;

use crate::{Budget, ByTryCopy, CopyWith, Retry, RetryBuilder, backoff::Backoff, policy::Decide};

/// What a layer was told. In a layer, it was checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) attempts: u32,
    pub(crate) backoff: Backoff,
    pub(crate) retry_after_cap: Duration,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) budget: Budget,
    pub(crate) replay_cap: usize,
    pub(crate) drain_bytes: u64,
    pub(crate) drain_time: Duration,
    pub(crate) whole: Option<usize>,
    pub(crate) classifier: Classifier,
    pub(crate) repeatable: Repeatable,
    pub(crate) too_many_requests: bool,
    pub(crate) decide: Option<Decide>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attempts: 4,
            backoff: Backoff::default(),
            retry_after_cap: Duration::from_secs(60),
            attempt_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(30)),
            deadline: Some(Duration::from_secs(120)),
            budget: Budget::default(),
            replay_cap: 64 * 1024,
            drain_bytes: 1024 * 1024,
            drain_time: Duration::from_secs(1),
            whole: None,
            classifier: Classifier::default(),
            repeatable: Repeatable::default(),
            too_many_requests: false,
            decide: None,
        }
    }
}

/// Sends a request again when that is safe, useful, and affordable for the server.
///
/// The value owns the budget and the generator of jitter: its clones, and all services made from them, share
/// both, also over different clients.
///
/// ```
/// use std::time::Duration;
/// use martello_retry::RetryLayer;
///
/// let layer = RetryLayer::default();
/// let patient = RetryLayer::builder()
///     .attempts(6)
///     .backoff(Duration::from_millis(200), Duration::from_secs(30))
///     .deadline(Duration::from_secs(300))
///     .build()?;
/// # Ok::<(), martello_outcome::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct RetryLayer<C = ByTryCopy> {
    config: Arc<Config>,
    copy: C,
}

impl RetryLayer {
    /// Starts from the defaults.
    pub fn builder() -> RetryBuilder {
        RetryBuilder::default()
    }

    /// Copies bodies with this function, for bodies that have no [`TryCopy`](martello_body::TryCopy). Where it
    /// answers `None` the request is sent once.
    #[must_use]
    pub fn copy_with<B>(self, copy: fn(&B) -> Option<B>) -> RetryLayer<CopyWith<B>> {
        RetryLayer { config: self.config, copy: CopyWith(copy) }
    }
}

impl<C> RetryLayer<C> {
    /// The budget that pays for the retries of this layer.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.config.budget
    }

    /// What decides the outcome of each attempt.
    #[must_use]
    pub fn classifier(&self) -> Classifier {
        self.config.classifier
    }
}

impl Default for RetryLayer {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl RetryLayer {
    pub(crate) fn new(config: Config) -> Self {
        Self { config: Arc::new(config), copy: ByTryCopy }
    }
}

impl<S, C: Clone> Layer<S> for RetryLayer<C> {
    type Service = Retry<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, Arc::clone(&self.config), self.copy.clone())
    }
}

impl<C> fmt::Debug for RetryLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("config", &self.config).finish_non_exhaustive()
    }
}
