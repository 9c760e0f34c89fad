use std::sync::Arc;

use tower_layer::Layer;

use crate::{ConcurrencyLimit, Release, Usage, limiter::Limiter};

/// A layer that limits how many requests run concurrently, each until its response body has ended.
///
/// The value owns the permits. Its clones, and all services made from any of them, share them, also over
/// different clients. A second value has its own permits.
///
/// ```
/// use martello_limit::ConcurrencyLimitLayer;
///
/// let five = ConcurrencyLimitLayer::default();
/// let the_same_five = five.clone();
/// let three_more = ConcurrencyLimitLayer::new(3)?;
/// # Ok::<(), martello_limit::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    limiter: Option<Arc<Limiter>>,
    release: Release,
}

impl ConcurrencyLimitLayer {
    /// Creates a layer of the same type that limits nothing and passes every request through.
    ///
    /// ```
    /// use martello_limit::ConcurrencyLimitLayer;
    ///
    /// let limit = if cfg!(test) { ConcurrencyLimitLayer::unlimited() } else { ConcurrencyLimitLayer::default() };
    /// assert_eq!(limit.usage().permits, Some(5));
    /// assert_eq!(ConcurrencyLimitLayer::unlimited().usage().permits, None);
    /// ```
    #[must_use]
    pub fn unlimited() -> Self {
        Self { limiter: None, release: Release::Head }
    }

    pub(crate) fn limited(limiter: Limiter, release: Release) -> Self {
        Self { limiter: Some(Arc::new(limiter)), release }
    }

    /// Counts the permits and the waiting requests. Takes time in proportion to the number of keys, during
    /// which the limit grants no permit.
    ///
    /// ```
    /// use martello_limit::ConcurrencyLimitLayer;
    ///
    /// let limit = ConcurrencyLimitLayer::default();
    /// let usage = limit.usage();
    /// println!("{} requests in flight, {} waiting", usage.in_flight, usage.waiting);
    /// ```
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.limiter.as_ref().map_or_else(Usage::default, |limiter| limiter.usage())
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S> {
        ConcurrencyLimit::new(inner, self.limiter.clone(), self.release)
    }
}
