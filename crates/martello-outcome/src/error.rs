use std::{borrow::Cow, error::Error, fmt};

use http::StatusCode;

use crate::{Attempts, Outcome, Printable, mask_urls};

/// Any error, as tower's own layers pass them.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What ended a call without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client failed: it had no connection, or the connection broke before the response's head.
    Transport,
    /// The client refuses the request and would refuse it again: its URL has no host or a scheme that the
    /// client does not support, or the client cannot build a request from it. It is
    /// [unsent](Outcome::Unsent), and no part of Martello sends it again by itself.
    Unsendable,
    /// The response's head did not come within the attempt timeout.
    AttemptTimeout,
    /// The deadline of the call passed, or left not enough time for another attempt.
    Deadline,
    /// The queue of the limit was full.
    LimitFull,
    /// The call got no permit, or its client did not become ready, within the `max_wait` of the limit.
    LimitWaitTimeout,
    /// Another attempt would have been safe, but the retry budget was spent.
    Budget,
    /// A body failed: it ended early, no frame came within the idle timeout, or it was larger than allowed.
    Body,
}

impl ErrorKind {
    /// The kind's name in lower case with underscores, as logs and metrics write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Unsendable => "unsendable",
            Self::AttemptTimeout => "attempt_timeout",
            Self::Deadline => "deadline",
            Self::LimitFull => "limit_full",
            Self::LimitWaitTimeout => "limit_wait_timeout",
            Self::Budget => "budget",
            Self::Body => "body",
        }
    }

    /// Whether a call that ended so made an attempt: the client was called, or a layer around it. `false` if
    /// a layer of Martello ended the call by itself: its deadline, its limit or its retry budget. Then only
    /// [`CallError::attempts`] says whether there were attempts before.
    ///
    /// ```
    /// use martello_outcome::ErrorKind;
    ///
    /// assert!(ErrorKind::AttemptTimeout.attempted());
    /// assert!(!ErrorKind::LimitFull.attempted());
    /// ```
    #[must_use]
    pub const fn attempted(self) -> bool {
        match self {
            Self::Transport | Self::Unsendable | Self::AttemptTimeout | Self::Body => true,
            Self::Deadline | Self::LimitFull | Self::LimitWaitTimeout | Self::Budget => false,
        }
    }
}

/// Why a call has no response. All layers of Martello have this error type.
///
/// A layer returns the `CallError` of an inner layer as it is. The error of the client, or of your own layer,
/// is its [`source`](Error::source), unchanged: it may quote the request's URL. To show an error with its
/// sources, use [`ErrorText`](crate::ErrorText).
///
/// ```
/// use martello_outcome::{CallError, ErrorKind, Outcome};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error = CallError::from_source(refused);
/// assert_eq!(error.kind(), ErrorKind::Transport);
/// assert_eq!(error.outcome(), Outcome::Unsent);
/// ```
pub struct CallError(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    message: Cow<'static, str>,
    last_status: Option<StatusCode>,
    attempts: Attempts,
    source: Option<BoxError>,
    untried: bool,
}

impl CallError {
    /// An error that a layer raises itself. Write the message in lower case, without a full stop; say what to
    /// do next, and do not repeat the source.
    ///
    /// ```
    /// use martello_outcome::{CallError, ErrorKind, Outcome};
    ///
    /// let error = CallError::new(ErrorKind::Deadline, Outcome::Unsent, "the call's deadline has passed");
    /// assert_eq!(error.to_string(), "the call's deadline has passed");
    /// ```
    #[must_use]
    pub fn new(kind: ErrorKind, outcome: Outcome, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            kind,
            outcome,
            message: message.into(),
            last_status: None,
            attempts: Attempts::default(),
            source: None,
            untried: false,
        }))
    }

    /// The error of your own layer around the client that failed before it called the client: it could not
    /// fetch a token, or sign the request. Nothing was sent, so the request may be sent again whatever its
    /// method. Without this conversion the layer's error would be ambiguous.
    ///
    /// The kind is [`ErrorKind::Transport`] if another attempt may succeed, and [`ErrorKind::Unsendable`] if
    /// none ever will. The source does not count as evidence, not even a `CallError` of the exchange for the
    /// token.
    ///
    /// ```
    /// use http::{HeaderValue, Request, header::AUTHORIZATION};
    /// use martello_outcome::{BoxError, CallError, ErrorKind, Outcome};
    ///
    /// # async fn fetch_token() -> Result<HeaderValue, BoxError> { Err("the token server is down".into()) }
    /// async fn authenticate<B>(mut request: Request<B>) -> Result<Request<B>, CallError> {
    ///     let token = fetch_token().await.map_err(|error| CallError::unsent(ErrorKind::Transport, error))?;
    ///     request.headers_mut().insert(AUTHORIZATION, token);
    ///     Ok(request)
    /// }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let error = authenticate(Request::post("https://api.example/orders").body(())?).await.unwrap_err();
    /// assert_eq!(error.outcome(), Outcome::Unsent);
    /// # Ok::<(), http::Error>(()) })?;
    /// # Ok::<(), BoxError>(())
    /// ```
    #[must_use]
    pub fn unsent(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        let mut error = Self::new(kind, Outcome::Unsent, "the request was not sent").with_source(source);
        error.0.untried = true;
        error
    }

    /// Converts an error of `poll_ready`. A `CallError`, boxed or not, stays as it is. Anything else becomes
    /// one of kind [`ErrorKind::Transport`] that is [unsent](Outcome::Unsent), because `call` comes later.
    #[must_use]
    pub fn from_readiness(error: impl Into<BoxError>) -> Self {
        Self::unwrapped(error.into()).unwrap_or_else(|source| {
            Self::new(ErrorKind::Transport, Outcome::Unsent, "the service was not ready").with_source(source)
        })
    }

    /// Converts the error of a response's body. A `CallError`, boxed or not, stays as it is. Anything else
    /// becomes one of kind [`ErrorKind::Body`] that is [ambiguous](Outcome::Ambiguous).
    #[must_use]
    pub fn from_body(error: impl Into<BoxError>) -> Self {
        Self::unwrapped(error.into()).unwrap_or_else(|source| {
            Self::new(ErrorKind::Body, Outcome::Ambiguous, "the response's body failed").with_source(source)
        })
    }

    /// The `CallError` in this error, or the error itself.
    pub(crate) fn unwrapped(error: BoxError) -> Result<Self, BoxError> {
        let error = match error.downcast::<Self>() {
            Ok(error) => return Ok(*error),
            Err(error) => error,
        };
        error.downcast::<Box<Self>>().map(|error| **error)
    }

    /// Sets the source.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the attempts. [`CallError::outcome`] becomes the outcome of the last, and
    /// [`CallError::last_status`] the last status among them.
    #[must_use]
    pub fn with_attempts(mut self, attempts: Attempts) -> Self {
        self.0.last_status = attempts.iter().rev().find_map(|attempt| attempt.status).or(self.0.last_status);
        self.0.outcome = attempts.outcome().unwrap_or(self.0.outcome);
        self.0.attempts = attempts;
        self
    }

    /// Sets the status of the last response.
    #[must_use]
    pub fn with_last_status(mut self, status: StatusCode) -> Self {
        self.0.last_status = Some(status);
        self
    }

    /// What ended the call.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The outcome of the last attempt; [`Outcome::Unsent`] for a call that ended before its first attempt.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Whether the client was not called because a layer around it failed: this error was made with
    /// [`CallError::unsent`], and no earlier attempt reached the server. Such an error is no evidence about
    /// the state of the server.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.0.untried && self.0.attempts.iter().all(|attempt| attempt.outcome == Outcome::Unsent)
    }

    /// The attempts of the call, in order; empty without a retry layer, or if the call ended before its first
    /// attempt.
    #[must_use]
    pub fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// The status of the last attempt that had a response.
    #[must_use]
    pub fn last_status(&self) -> Option<StatusCode> {
        self.0.last_status
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable::new(&mask_urls(&self.0.message, |_| false)))?;
        match self.0.attempts.len() {
            0 | 1 => {}
            count => write!(f, ", after {count} attempts")?,
        }
        match self.0.last_status {
            Some(status) => write!(f, ", last status {}", status.as_u16()),
            None => Ok(()),
        }
    }
}

/// Masks what is secret in the URLs of its message and of its source, whose own `Debug` may quote them.
impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallError")
            .field("kind", &self.0.kind)
            .field("outcome", &self.0.outcome)
            .field("message", &mask_urls(&self.0.message, |_| false))
            .field("last_status", &self.0.last_status)
            .field("attempts", &self.0.attempts)
            .field("source", &self.0.source.as_deref().map(Masked))
            .finish()
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// The error of another crate, with its URLs masked.
struct Masked<'a>(&'a (dyn Error + Send + Sync));

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { format!("{:#?}", self.0) } else { format!("{:?}", self.0) };
        f.write_str(&mask_urls(&text, |_| false))
    }
}
