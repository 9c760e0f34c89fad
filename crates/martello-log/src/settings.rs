use http::{Extensions, HeaderName};
use martello_outcome::{CallerId, Classifier};
use tracing::{Level, level_filters::LevelFilter};

use crate::Redaction;

/// Whose records a layer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Attempt,
}

pub(crate) type CallerIdSource = fn(&Extensions) -> Option<CallerId>;

/// What a user chose, for either kind.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) healthy: Option<LevelFilter>,
    pub(crate) failed: Option<LevelFilter>,
    pub(crate) span: LevelFilter,
    pub(crate) request_headers: Vec<HeaderName>,
    pub(crate) response_headers: Vec<HeaderName>,
    pub(crate) redaction: Redaction,
    pub(crate) excerpt: usize,
    pub(crate) classifier: Classifier,
    pub(crate) caller_id: CallerIdSource,
    #[cfg(feature = "metrics")]
    pub(crate) metrics: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            healthy: None,
            failed: None,
            span: LevelFilter::DEBUG,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            redaction: Redaction::default(),
            excerpt: 0,
            classifier: Classifier::default(),
            caller_id: CallerId::of,
            #[cfg(feature = "metrics")]
            metrics: false,
        }
    }
}

/// What a layer that is on does.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) healthy: LevelFilter,
    pub(crate) failed: LevelFilter,
    pub(crate) span: LevelFilter,
    pub(crate) config: Config,
}

impl Settings {
    pub(crate) fn new(kind: Kind, config: Config) -> Self {
        let (healthy, failed, span) = match kind {
            Kind::Call => (Level::INFO, Level::WARN, config.span),
            Kind::Attempt => (Level::DEBUG, Level::INFO, LevelFilter::OFF),
        };
        Self {
            kind,
            healthy: config.healthy.unwrap_or(healthy.into()),
            failed: config.failed.unwrap_or(failed.into()),
            span,
            config,
        }
    }

    /// Whether the layer measures. Without the feature it does not.
    pub(crate) fn metrics(&self) -> bool {
        #[cfg(feature = "metrics")]
        let metrics = self.config.metrics;
        #[cfg(not(feature = "metrics"))]
        let metrics = false;
        metrics
    }
}
