use http::{Extensions, HeaderName};
use martello_outcome::{CallerId, Classifier, ConfigError};
use tracing::level_filters::LevelFilter;

use crate::{
    LogLayer, Redaction,
    excerpt::Excerpt,
    redaction::header_name,
    settings::{Config, Kind, Levels, Settings},
};

/// The most names in each list, so that the events stay readable.
const NAMES: usize = 32;

/// Builds a [`LogLayer`]; [`build_calls`](Self::build_calls) and [`build_attempts`](Self::build_attempts)
/// check the values. Clone one builder to make both layers of a stack.
///
/// | what | default | reason |
/// |---|---|---|
/// | successful calls | info | one line per call is enough for a reader |
/// | failed calls | warn | an operator may have to act |
/// | successful attempts | debug | the event of the call has the same content |
/// | failed attempts | info | a retry usually succeeds, and the event has the tracking id for the support desk |
/// | the call's span | debug | it costs half as much as an event, and at info the events are enough |
/// | headers shown | none | each has a cost, and may be private |
/// | query values | masked | they may be secret |
/// | body excerpts | off | they may be private |
///
/// ```
/// use martello_log::LogLayer;
/// use tracing::Level;
///
/// let log = LogLayer::builder().success_level(Level::DEBUG).failure_level(Level::ERROR);
/// let (calls, attempts) = (log.clone().build_calls()?, log.build_attempts()?);
/// # let _: (LogLayer, LogLayer) = (calls, attempts);
/// # Ok::<(), martello_log::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct LogBuilder {
    calls: Levels,
    attempts: Levels,
    config: Config,
    invalid: Option<ConfigError>,
}

impl LogLayer {
    /// Writes a span and an event per call, with the defaults of [`LogBuilder`]. Make it the outermost layer
    /// of a stack.
    ///
    /// ```
    /// use martello_log::LogLayer;
    /// use tower::ServiceBuilder;
    ///
    /// # let client = tower::service_fn(async |_: http::Request<()>| Ok::<_, std::io::Error>(http::Response::new(())));
    /// let api = ServiceBuilder::new()
    ///     .layer(LogLayer::calls())
    ///     // Retry and limit go here.
    ///     .layer(LogLayer::attempts())
    ///     .service(client);
    /// ```
    #[must_use]
    pub fn calls() -> Self {
        Self::builder().layer(Kind::Call)
    }

    /// Writes an event per attempt, with the defaults of [`LogBuilder`]. Put it inside of retry and limit.
    #[must_use]
    pub fn attempts() -> Self {
        Self::builder().layer(Kind::Attempt)
    }

    /// A builder for both kinds of layer: levels, headers, masks.
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
    /// Sets the level of success events: the outcome is success, and the server sent the whole body. Pass a
    /// [`Level`](tracing::Level), or [`LevelFilter::OFF`] for no such events.
    ///
    /// ```
    /// use martello_log::LogLayer;
    /// use tracing::level_filters::LevelFilter;
    ///
    /// let failures_only = LogLayer::builder().success_level(LevelFilter::OFF).build_calls()?;
    /// # let _: LogLayer = failures_only;
    /// # Ok::<(), martello_log::ConfigError>(())
    /// ```
    pub fn success_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.calls.success = level.into();
        self.attempts.success = self.calls.success;
        self
    }

    /// Sets the level of failure events: any other outcome, a dropped future, a failed body.
    pub fn failure_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.calls.failure = level.into();
        self.attempts.failure = self.calls.failure;
        self
    }

    /// Sets the level of the span of a call. Attempts have no span: their events are in the span of their
    /// call.
    pub fn span(mut self, level: impl Into<LevelFilter>) -> Self {
        self.calls.span = level.into();
        self
    }

    /// Shows these request headers: at most 32 names, eight lines of each, 256 bytes of each line. Secrets
    /// (see [`Redaction`]) are masked.
    ///
    /// ```
    /// use martello_log::LogLayer;
    ///
    /// let layer = LogLayer::builder().request_headers(["content-type", "if-match"]).build_calls()?;
    /// # let _: LogLayer = layer;
    /// assert!(LogLayer::builder().request_headers(["not a name"]).build_calls().is_err());
    /// # Ok::<(), martello_log::ConfigError>(())
    /// ```
    pub fn request_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.config.request_headers = self.names("request_headers", names);
        self
    }

    /// Shows these response headers, within the same bounds.
    pub fn response_headers<N: AsRef<str>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.config.response_headers = self.names("response_headers", names);
        self
    }

    /// Masks these headers too; see [`Redaction::hide_header`].
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

    /// Sets what is masked. It replaces earlier calls of [`hide_headers`](Self::hide_headers) and
    /// [`show_query`](Self::show_query).
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.config.redaction = redaction;
        self
    }

    /// Shows the first bytes of a response body, 0 to 4,096, if the outcome is not success, the content type
    /// is textual and there is no content coding. The excerpt is escaped but not masked.
    ///
    /// There is no excerpt of request bodies, because that would change the type of the body.
    pub fn excerpt(mut self, bytes: usize) -> Self {
        if bytes > Excerpt::MAX {
            self.refuse(ConfigError::new("excerpt", bytes, "0 to 4096 bytes"));
        }
        self.config.excerpt = bytes;
        self
    }

    /// Sets the classifier of statuses. The outcome of an inner retry layer takes precedence.
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.config.classifier = classifier;
        self
    }

    /// Sets the function that reads the caller's id from the request's extensions; [`CallerId::of`] by
    /// default. It is called once per record.
    ///
    /// The log reads the id before an inner tracking layer may insert one: pass the same function to both, as
    /// `Stack::caller_id_with` of the facade does.
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

    /// Records metrics through the `metrics` facade: see [the crate's page](crate#metrics). Off by default.
    #[cfg(feature = "metrics")]
    pub fn metrics(mut self, metrics: bool) -> Self {
        self.config.metrics = metrics;
        self
    }

    /// Builds a layer that writes a record per call.
    ///
    /// # Errors
    ///
    /// If a header name is invalid (RFC 9110 §5.1), a list is longer than 32 names, or the excerpt is longer
    /// than 4,096 bytes.
    pub fn build_calls(self) -> Result<LogLayer, ConfigError> {
        self.build(Kind::Call)
    }

    /// Builds a layer that writes a record per attempt.
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

    /// The layer, without the check.
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

    /// Keeps the first error.
    fn refuse(&mut self, error: ConfigError) {
        self.invalid.get_or_insert(error);
    }
}
