//! A failed attempt as a policy sees it, and the default decision: whether to retry, and after which wait. No
//! I/O, no clock, no sleeping. `decide.rs` adds what the call can still do.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;
use martello_outcome::{CallError, Outcome, RequestHead};

use crate::ResponseHead;

/// What to do after a failed attempt.
///
/// ```
/// use std::time::Duration;
/// use martello_retry::{Decision, RetryLayer};
///
/// let layer = RetryLayer::builder()
///     .decide(|attempt| match attempt.number {
///         1 => Decision::Retry { wait: Duration::ZERO },
///         _ => Decision::Stop,
///     })
///     .build()?;
/// # Ok::<(), martello_retry::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Sends the request again.
    Retry {
        /// The wait before it; zero sends at once.
        wait: Duration,
    },
    /// Makes no further attempt.
    Stop,
}

/// A failed attempt: the argument of [`RetryBuilder::decide`](crate::RetryBuilder::decide).
///
/// ```
/// use http::Request;
/// use martello_retry::{AttemptView, Decision, Outcome, RequestHead};
///
/// let request = Request::put("http://api.example/orders/1").body(())?;
/// let mut attempt = AttemptView::new(RequestHead::from(&request), Outcome::Ambiguous);
/// assert_eq!(attempt.default_decision(), Decision::Stop);
/// attempt.repeatable = true;
/// assert!(matches!(attempt.default_decision(), Decision::Retry { .. }));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttemptView<'a> {
    /// The request as it would be sent again.
    pub request: RequestHead<'a>,
    /// The attempt's number, counted from 1.
    pub number: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// The head of its response, if one came.
    pub response: Option<ResponseHead<'a>>,
    /// Its error, if no response came or the response's body failed.
    pub error: Option<&'a CallError>,
    /// Whether the request may be sent again although this attempt may have been processed.
    pub repeatable: bool,
    /// The wait by backoff with jitter.
    pub backoff: Duration,
    /// The response's `Retry-After`, up to the layer's cap.
    pub retry_after: Option<Duration>,
    /// The random wait in addition to [`retry_after`](Self::retry_after).
    pub retry_after_jitter: Duration,
    /// Whether `Retry-After` exceeds the layer's cap.
    pub retry_after_exceeds_cap: bool,
    /// The time until the call's deadline, if it has one.
    pub time_left: Option<Duration>,
    /// Whether the layer retries after a 429 with a `Retry-After`.
    pub retry_too_many_requests: bool,
}

impl<'a> AttemptView<'a> {
    /// Creates a first attempt of a request that is not repeatable, without response, error, backoff or
    /// deadline. Tests of a decision set the fields that they need.
    #[must_use]
    pub fn new(request: RequestHead<'a>, outcome: Outcome) -> Self {
        Self {
            request,
            number: 1,
            outcome,
            response: None,
            error: None,
            repeatable: false,
            backoff: Duration::ZERO,
            retry_after: None,
            retry_after_jitter: Duration::ZERO,
            retry_after_exceeds_cap: false,
            time_left: None,
            retry_too_many_requests: false,
        }
    }
}

impl AttemptView<'_> {
    /// The wait before a retry: the greater of the backoff and `Retry-After` with its jitter.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let asked = self.retry_after.map(|asked| asked.saturating_add(self.retry_after_jitter));
        self.backoff.max(asked.unwrap_or(Duration::ZERO))
    }

    /// The decision of a layer without [`decide`](crate::RetryBuilder::decide). It retries an unsent request
    /// always, an unavailable or ambiguous one if the request is repeatable, and a 429 with a `Retry-After`
    /// if the layer is set to [`retry_too_many_requests`](crate::RetryBuilder::retry_too_many_requests). It
    /// stops if `Retry-After` exceeds the cap, because a retry before that time would only add load.
    #[must_use]
    pub fn default_decision(&self) -> Decision {
        let again = match self.outcome {
            Outcome::Unsent => true,
            Outcome::Unavailable | Outcome::Ambiguous => self.repeatable,
            _ => self.retry_too_many_requests && self.is_rate_limited(),
        };
        self.retry_if(again)
    }

    /// Retries after [`AttemptView::wait`] if `again` is true, unless `Retry-After` exceeds its cap.
    #[must_use]
    pub fn retry_if(&self, again: bool) -> Decision {
        if again && !self.retry_after_exceeds_cap {
            Decision::Retry { wait: self.wait() }
        } else {
            Decision::Stop
        }
    }

    /// Whether the server rejected the request unprocessed and sent the time of a retry: 429 with a
    /// `Retry-After` (RFC 6585 §4).
    fn is_rate_limited(&self) -> bool {
        let status = self.response.map(|response| response.status);
        status == Some(StatusCode::TOO_MANY_REQUESTS)
            && (self.retry_after.is_some() || self.retry_after_exceeds_cap)
    }
}

/// The user's function of [`RetryBuilder::decide`](crate::RetryBuilder::decide).
#[derive(Clone)]
pub(crate) struct Decide(pub(crate) Arc<dyn Fn(&AttemptView<'_>) -> Decision + Send + Sync>);

impl fmt::Debug for Decide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decide(fn)")
    }
}
