use std::sync::Arc;

use tower_layer::Layer;

use crate::{Log, settings::Settings};

/// Writes one record per call, or one per attempt.
///
/// The two kinds, and the layer that is [`off`](LogLayer::off), make the same type of service. A clone is the same
/// layer again: there is no state to share, because a record belongs to its call.
#[derive(Clone, Debug)]
pub struct LogLayer {
    settings: Option<Arc<Settings>>,
}

impl LogLayer {
    /// A layer that passes everything through, for a stack from which logging is left out at the same type. Only
    /// an error becomes a [`CallError`](crate::CallError), as with every other.
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
