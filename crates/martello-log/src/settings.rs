use http::{Extensions, HeaderName};
use martello_outcome::{CallerId, Classifier};
use tracing::{Level, level_filters::LevelFilter};

use crate::Redaction;

/// Which records a layer writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Call,
    Attempt,
}

/// The configuration of an enabled layer.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    /// The most severe level of the layer; `None` if all are off.
    first: Option<Level>,
    pub(crate) levels: Levels,
    pub(crate) config: Config,
}

impl Settings {
    pub(crate) fn new(kind: Kind, levels: Levels, config: Config) -> Self {
        Self { kind, first: levels.first(), levels, config }
    }

    /// A cheap first check whether a subscriber may read a record: one load and one comparison.
    #[inline]
    pub(crate) fn may_be_read(&self) -> bool {
        self.metrics() || self.first.is_some_and(|first| first <= LevelFilter::current())
    }

    /// Whether the layer records metrics; never without the feature.
    pub(crate) fn metrics(&self) -> bool {
        #[cfg(feature = "metrics")]
        let metrics = self.config.metrics;
        #[cfg(not(feature = "metrics"))]
        let metrics = false;
        metrics
    }
}

/// The levels of the two events and the span, which differ by kind.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    pub(crate) success: LevelFilter,
    pub(crate) failure: LevelFilter,
    pub(crate) span: LevelFilter,
}

impl Levels {
    pub(crate) const CALLS: Self =
        Self { success: LevelFilter::INFO, failure: LevelFilter::WARN, span: LevelFilter::DEBUG };
    pub(crate) const ATTEMPTS: Self =
        Self { success: LevelFilter::DEBUG, failure: LevelFilter::INFO, span: LevelFilter::OFF };

    /// The most severe of them.
    fn first(&self) -> Option<Level> {
        [self.success, self.failure, self.span].into_iter().filter_map(LevelFilter::into_level).min()
    }
}

pub(crate) type CallerIdSource = fn(&Extensions) -> Option<CallerId>;

/// The options of both kinds.
#[derive(Clone, Debug)]
pub(crate) struct Config {
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
