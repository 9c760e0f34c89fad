use std::sync::Arc;

use tower_layer::Layer;

use crate::{Log, settings::Settings};

/// Writes one record per call, or one record per attempt.
///
/// Both kinds, and the layer that is [`off`](LogLayer::off), make the same type of service. A clone shares no
/// state.
#[derive(Clone, Debug)]
pub struct LogLayer {
    settings: Option<Arc<Settings>>,
}

impl LogLayer {
    /// A layer that writes nothing, to disable logging without a change of the stack's type. Errors still
    /// become a [`CallError`](crate::CallError).
    ///
    /// ```
    /// use martello_log::LogLayer;
    ///
    /// let enabled = false;
    /// let layer = if enabled { LogLayer::calls() } else { LogLayer::off() };
    /// # let _: LogLayer = layer;
    /// ```
    #[must_use]
    pub fn off() -> Self {
        Self { settings: None }
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
