use std::sync::Arc;

use tower_layer::Layer;

use crate::{
    Log, LogBuilder,
    settings::{Kind, Settings},
};

/// Writes one record per call, or one per attempt.
///
/// The two kinds, and the layer that is [`off`](LogLayer::off), make the same type of service. A clone is the same
/// layer again: there is no state to share, because a record belongs to its call.
#[derive(Clone, Debug)]
pub struct LogLayer {
    settings: Option<Arc<Settings>>,
}

impl LogLayer {
    /// A span and an event per call, for the outermost place of a stack, with the defaults of [`LogBuilder`].
    #[must_use]
    pub fn calls() -> Self {
        Self::builder().layer(Kind::Call)
    }

    /// An event per attempt, for the place inside retry and limit, with the defaults of [`LogBuilder`].
    #[must_use]
    pub fn attempts() -> Self {
        Self::builder().layer(Kind::Attempt)
    }

    /// A layer that passes everything through, for a stack from which logging is left out at the same type. Only
    /// an error becomes a [`CallError`](crate::CallError), as with every other.
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
    }

    /// Other levels, headers and masks than the defaults, for either kind of layer.
    ///
    /// ```
    /// use martello_log::LogLayer;
    /// use tracing::Level;
    ///
    /// let log = LogLayer::builder().response_headers(["retry-after"]).show_query(["limit"]);
    /// let calls = log.clone().failure_level(Level::ERROR).build_calls()?;
    /// let attempts = log.build_attempts()?;
    /// # let _: (LogLayer, LogLayer) = (calls, attempts);
    /// # Ok::<(), martello_log::ConfigError>(())
    /// ```
    pub fn builder() -> LogBuilder {
        LogBuilder::default()
    }

    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings: Some(Arc::new(settings)) }
    }
}

impl<S> Layer<S> for LogLayer {
    type Service = Log<S>;

    fn layer(&self, inner: S) -> Log<S> {
        Log::new(inner, self.settings.clone())
    }
}
