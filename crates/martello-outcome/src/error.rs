use std::{borrow::Cow, error::Error, fmt};

use http::StatusCode;

use crate::{Attempts, Outcome, Printable, fault::Fault, mask_urls};

/// Any error, as tower's own layers pass them.
pub type BoxError = Box<dyn Error + Send + Sync>;

const NEVER_SENT: &str = "the client cannot send such a request: correct its URL, its method or its version, or use another client";

/// What ended a call without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The client failed: no connection, or one that broke before the response's head had come.
    Transport,
    /// The client refuses the request, and would refuse it again: its URL has no host or a scheme that the client does not
    /// speak, or the client cannot make a request of it. It is [unsent](Outcome::Unsent), and no part of Martello sends it
    /// again by itself.
    Unsendable,
    /// An attempt had no response head within its time.
    AttemptTimeout,
    /// The call as a whole had no time left, or not enough for another attempt.
    Deadline,
    /// So many calls wait for a permit already that this one was turned away.
    LimitFull,
    /// The call got no permit within its time.
    LimitWaitTimeout,
    /// Another attempt would have been safe, but the retry budget had nothing left for it.
    Budget,
    /// A body failed: it broke off, stood still for too long, or was larger than allowed.
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

    /// Whether a call that ended so made an attempt: the client was called, or a layer around it. `false` if a layer of
    /// Martello ended the call by itself: its deadline, its limit or its retry budget. Then only
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

/// Why a call has no response: the one error of every layer of Martello.
///
/// A layer makes one only when something failed, and hands on the one it gets from a layer inside. The error of
/// the client, or of the user's own layer, is its [`source`](Error::source), as it came: it may quote the
/// request's URL. To show it with its sources, use [`ErrorText`](crate::ErrorText).
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
    /// An error that a layer raises itself. The message is in lower case, without a full stop, and says what
    /// to do next; it must not repeat the source.
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

    /// The error of a layer of your own around the client that failed before it called the client: it could not fetch a
    /// token, or make a signature. Nothing was sent, so that the request may go again whatever its method. Handed on as it is,
    /// the layer's error would be ambiguous, because nobody else knows when it came about.
    ///
    /// The kind is [`ErrorKind::Transport`] if another attempt may succeed, and [`ErrorKind::Unsendable`] if none ever will.
    /// Whatever the source is, even a `CallError` of the exchange for the token, it says nothing about this request.
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

    /// Converts the error of an inner service: a `CallError`, boxed or not, is handed on as it is. Anything else
    /// becomes one of kind [`ErrorKind::Transport`] with the outcome that [`Classifier::error`](crate::Classifier::error)
    /// reads from it; or of kind [`ErrorKind::Unsendable`], if it is the client's own and says that the request can never be
    /// sent, as the [features](crate#features) have it.
    #[must_use]
    pub fn from_source(error: impl Into<BoxError>) -> Self {
        let source = match Self::unwrapped(error.into()) {
            Ok(error) => return error,
            Err(source) => source,
        };
        let fault = Fault::of(&*source);
        let (kind, message) = match (fault, fault.outcome()) {
            (Fault::Unsendable, _) => (ErrorKind::Unsendable, NEVER_SENT),
            (_, Outcome::Unsent) => (ErrorKind::Transport, "the request could not be sent"),
            _ => {
                let message = "the request failed on its way, and the server may have processed it";
                (ErrorKind::Transport, message)
            }
        };
        Self::new(kind, fault.outcome(), message).with_source(source)
    }

    /// Converts an error of readiness: a `CallError`, boxed or not, is handed on as it is. Anything else becomes one
    /// of kind [`ErrorKind::Transport`] that is [unsent](Outcome::Unsent): no request was given away yet.
    #[must_use]
    pub fn from_readiness(error: impl Into<BoxError>) -> Self {
        Self::unwrapped(error.into()).unwrap_or_else(|source| {
            Self::new(ErrorKind::Transport, Outcome::Unsent, "the service was not ready").with_source(source)
        })
    }

    /// Converts the error of a response's body: a `CallError`, boxed or not, is handed on as it is. Anything else
    /// becomes one of kind [`ErrorKind::Body`], which is [ambiguous](Outcome::Ambiguous): nobody knows what became
    /// of a call whose answer broke off.
    #[must_use]
    pub fn from_body(error: impl Into<BoxError>) -> Self {
        Self::unwrapped(error.into()).unwrap_or_else(|source| {
            Self::new(ErrorKind::Body, Outcome::Ambiguous, "the response's body failed").with_source(source)
        })
    }

    fn unwrapped(error: BoxError) -> Result<Self, BoxError> {
        let error = match error.downcast::<Self>() {
            Ok(error) => return Ok(*error),
            Err(error) => error,
        };
        error.downcast::<Box<Self>>().map(|error| **error)
    }

    /// This error, caused by `source`.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// This error, after these attempts: the outcome of the last becomes [`CallError::outcome`], and the last
    /// status among them [`CallError::last_status`].
    #[must_use]
    pub fn with_attempts(mut self, attempts: Attempts) -> Self {
        self.0.last_status = attempts.iter().rev().find_map(|attempt| attempt.status).or(self.0.last_status);
        self.0.outcome = attempts.outcome().unwrap_or(self.0.outcome);
        self.0.attempts = attempts;
        self
    }

    /// This error, about a response that came with this status.
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

    /// How the last attempt ended; for a call that ended before its first attempt, [`Outcome::Unsent`].
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// Whether nothing was sent because a layer around the client could not even call it: this error was made with
    /// [`CallError::unsent`], and no attempt before has reached the server either. It says nothing about how the
    /// server is.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.0.untried && self.0.attempts.iter().all(|attempt| attempt.outcome == Outcome::Unsent)
    }

    /// What the call went through, in order; empty without a retry layer, and for a call that never got as
    /// far as an attempt.
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

/// An error of somebody else's.
struct Masked<'a>(&'a (dyn Error + Send + Sync));

impl fmt::Debug for Masked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if f.alternate() { format!("{:#?}", self.0) } else { format!("{:?}", self.0) };
        f.write_str(&mask_urls(&text, |_| false))
    }
}
