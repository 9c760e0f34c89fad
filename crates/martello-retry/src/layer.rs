use std::{fmt, sync::Arc};

use martello_outcome::Classifier;
use tower_layer::Layer;

use crate::{Budget, ByTryCopy, CopyWith, Retry, config::Config};

/// A layer that retries a request when that is safe, useful, and affordable for the server.
///
/// The value owns the budget and the generator of jitter. Its clones, and all services made from them, share
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
    /// Copies bodies with this function, for bodies without [`TryCopy`](martello_body::TryCopy). A request
    /// for which it returns `None` is sent once.
    ///
    /// ```
    /// use martello_retry::RetryLayer;
    ///
    /// let layer = RetryLayer::default().copy_with(|text: &String| Some(text.clone()));
    /// ```
    #[must_use]
    pub fn copy_with<B>(self, copy: fn(&B) -> Option<B>) -> RetryLayer<CopyWith<B>> {
        RetryLayer { config: self.config, copy: CopyWith(copy) }
    }
}

impl<C> RetryLayer<C> {
    /// The budget of this layer, for dashboards or to share it with another layer.
    ///
    /// ```
    /// use martello_retry::RetryLayer;
    ///
    /// let orders = RetryLayer::default();
    /// let plans = RetryLayer::builder().budget(orders.budget().clone()).build()?;
    /// # Ok::<(), martello_retry::ConfigError>(())
    /// ```
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.config.budget
    }

    /// The classifier of response statuses.
    ///
    /// ```
    /// use http::StatusCode;
    /// use martello_retry::{Outcome, RetryLayer};
    ///
    /// let classifier = RetryLayer::default().classifier();
    /// assert_eq!(classifier.status(StatusCode::SERVICE_UNAVAILABLE), Outcome::Unavailable);
    /// ```
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
