use http::{Extensions, HeaderName};
use martello_outcome::{CallerId, Classifier, ConfigError};
use tracing::level_filters::LevelFilter;

use crate::{
    LogLayer, Redaction,
    excerpt::Excerpt,
    redaction::header_name,
    settings::{Config, Kind, Levels, Settings},
};

/// Names that each list may have: the events of one call are to stay readable.
const NAMES: usize = 32;

/// Collects what a [`LogLayer`] is to write; [`build_calls`](Self::build_calls) and
/// [`build_attempts`](Self::build_attempts) check it. One builder, cloned, makes both layers of a stack.
///
/// | what | default | reason |
/// |---|---|---|
/// | successful calls | info | one line per call is what a person reads |
/// | failed calls | warn | somebody may have to act |
/// | successful attempts | debug | the call's event says the same |
/// | failed attempts | info | mostly a retry heals them, and the ids for the support desk stand in them |
/// | the call's span | debug | it costs as much as half an event, and at info the events say everything |
/// | headers shown | none | each costs, and may be private |
/// | query values | masked | they may be secret |
/// | body excerpts | off | they may be private |
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct LogBuilder {
    calls: Levels,
    attempts: Levels,
    config: Config,
    invalid: Option<ConfigError>,
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
}

impl Default for LogBuilder {
    fn default() -> Self {
        Self { calls: Levels::CALLS, attempts: Levels::ATTEMPTS, config: Config::default(), invalid: None }
    }
}

impl LogBuilder {
    /// The level of events of what went well: outcome success, and a body that was not cut short by the server.
    /// A [`Level`](tracing::Level), or [`LevelFilter::OFF`] for no such events.
    pub fn success_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.calls.success = level.into();
        self.attempts.success = self.calls.success;
        self
    }

    /// The level of events of what failed: any other outcome, a future that was dropped, a body that broke.
    pub fn failure_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.calls.failure = level.into();
        self.attempts.failure = self.calls.failure;
        self
    }

    /// The level of a call's span. A layer of attempts has none: its events lie in the span of their call.
    pub fn span(mut self, level: impl Into<LevelFilter>) -> Self {
        self.calls.span = level.into();
        self
    }

    /// Shows these headers of the request: at most 32 names, eight lines of each, 256 bytes of each line. What is
    /// secret (see [`Redaction`]) is masked all the same.
    pub fn request_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.config.request_headers = self.names("request_headers", names);
        self
    }

    /// Shows these headers of the response, within the same bounds.
    pub fn response_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.config.response_headers = self.names("response_headers", names);
        self
    }

    /// Masks these headers too.
    pub fn hide_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for name in names {
            match self.config.redaction.clone().hide_header(name) {
                Ok(redaction) => self.config.redaction = redaction,
                Err(error) => self.refuse(error),
            }
        }
        self
    }

    /// Shows the values of these query parameters; see [`Redaction::show_query`].
    pub fn show_query<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        for name in names {
            self.config.redaction = self.config.redaction.show_query(name);
        }
        self
    }

    /// What is masked, in place of everything said before by [`hide_headers`](Self::hide_headers) and
    /// [`show_query`](Self::show_query).
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.config.redaction = redaction;
        self
    }

    /// Shows the first bytes of the response's body, 0 to 4,096, when its status is no success, its type is textual
    /// and it has no content coding. What the server says there is written as it is, escaped but not masked.
    ///
    /// There is none of the request: its body would have to change its type, and would be the caller's no more.
    pub fn excerpt(mut self, bytes: usize) -> Self {
        if bytes > Excerpt::MAX {
            self.refuse(ConfigError::new("excerpt", bytes, "0 to 4096 bytes"));
        }
        self.config.excerpt = bytes;
        self
    }

    /// Reads outcomes from statuses. Where a retry layer inside has decided, its word stands.
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.config.classifier = classifier;
        self
    }

    /// Finds the caller's own id in the request's extensions, in place of [`CallerId::of`]. It is request once per
    /// record.
    ///
    /// The log reads the id before a tracking layer, further in, may put one among the extensions: the same function
    /// belongs on both, as `Stack::caller_id_with` of the facade does it.
    ///
    /// ```
    /// use http::Extensions;
    /// use martello_log::{CallerId, LogLayer};
    ///
    /// #[derive(Clone)]
    /// struct JobId(String);
    ///
    /// fn job(extensions: &Extensions) -> Option<CallerId> {
    ///     extensions.get::<JobId>()?.0.parse().ok()
    /// }
    ///
    /// let calls = LogLayer::builder().caller_id_with(job).build_calls()?;
    /// # let _: LogLayer = calls;
    /// # Ok::<(), martello_log::ConfigError>(())
    /// ```
    pub fn caller_id_with(mut self, source: fn(&Extensions) -> Option<CallerId>) -> Self {
        self.config.caller_id = source;
        self
    }

    /// Measures too, through the `metrics` facade: see [the crate's page](crate#metrics). Off by default.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: bool) -> Self {
        self.config.metrics = metrics;
        self
    }

    /// A layer of calls.
    ///
    /// # Errors
    ///
    /// When a header name is none by RFC 9110 §5.1, a list is longer than 32 names, or the excerpt is longer than
    /// 4,096 bytes.
    pub fn build_calls(self) -> Result<LogLayer, ConfigError> {
        self.build(Kind::Call)
    }

    /// A layer of attempts.
    ///
    /// # Errors
    ///
    /// As [`build_calls`](Self::build_calls).
    pub fn build_attempts(self) -> Result<LogLayer, ConfigError> {
        self.build(Kind::Attempt)
    }

    fn build(mut self, kind: Kind) -> Result<LogLayer, ConfigError> {
        match self.invalid.take() {
            Some(error) => Err(error),
            None => Ok(self.layer(kind)),
        }
    }

    /// The layer, whatever was refused.
    pub(crate) fn layer(self, kind: Kind) -> LogLayer {
        let levels = match kind {
            Kind::Call => self.calls,
            Kind::Attempt => self.attempts,
        };
        LogLayer::new(Settings::new(kind, levels, self.config))
    }

    fn names<N: AsRef<str>>(
        &mut self,
        field: &'static str,
        names: impl IntoIterator<Item = N>,
    ) -> Vec<HeaderName> {
        let mut known = Vec::new();
        for name in names {
            match header_name(field, name.as_ref()) {
                Ok(_) if known.len() == NAMES => {
                    self.refuse(ConfigError::new(field, "longer", "at most 32 names"));
                    break;
                }
                Ok(name) => known.push(name),
                Err(error) => self.refuse(error),
            }
        }
        known
    }

    /// The first mistake is the one to mend first.
    fn refuse(&mut self, error: ConfigError) {
        self.invalid.get_or_insert(error);
    }
}
