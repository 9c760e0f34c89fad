use std::sync::Arc;

use martello_outcome::ConfigError;
use tower_layer::Layer;

use crate::{ConcurrencyLimit, ConcurrencyLimitBuilder, Snapshot, limiter::Limiter};

/// A layer that allows so many requests at a time, each until its response body has ended.
///
/// The value owns the permits: its clones, and all services made from any of them, share them, also over
/// different clients. A second value has permits of its own.
///
/// ```
/// use martello_limit::ConcurrencyLimitLayer;
///
/// let five = ConcurrencyLimitLayer::default();
/// let also_these_five = five.clone();
/// let three = ConcurrencyLimitLayer::new(3)?;
/// # Ok::<(), martello_outcome::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConcurrencyLimitLayer {
    limiter: Option<Arc<Limiter>>,
}

impl ConcurrencyLimitLayer {
    /// A limit of so many permits, from 1 to 65,535, and otherwise the
    /// [default](ConcurrencyLimitBuilder#defaults).
    ///
    /// # Errors
    ///
    /// When the number is out of range.
    pub fn new(permits: usize) -> Result<Self, ConfigError> {
        Self::builder().permits(permits).build()
    }

    /// Starts with the [defaults](ConcurrencyLimitBuilder#defaults).
    pub fn builder() -> ConcurrencyLimitBuilder {
        ConcurrencyLimitBuilder::default()
    }

    /// A layer of the same type that limits nothing and passes everything through.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { limiter: None }
    }

    pub(crate) fn limited(limiter: Limiter) -> Self {
        Self { limiter: Some(Arc::new(limiter)) }
    }

    /// How the limit stands at this moment. It takes a time that grows with the number of keys, during which
    /// no permit is given out.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.limiter.as_ref().map_or_else(Snapshot::default, |limiter| limiter.snapshot())
    }
}

/// Five permits, and the other [defaults](ConcurrencyLimitBuilder#defaults).
impl Default for ConcurrencyLimitLayer {
    fn default() -> Self {
        Self::builder().into_layer()
    }
}

impl<S> Layer<S> for ConcurrencyLimitLayer {
    type Service = ConcurrencyLimit<S>;

    fn layer(&self, inner: S) -> ConcurrencyLimit<S> {
        ConcurrencyLimit::new(inner, self.limiter.clone())
    }
}
