//! Whether to send again, and after how long. No I/O, no clock, no sleeping.

use std::{fmt, sync::Arc, time::Duration};

use http::{Extensions, HeaderMap, Response, StatusCode, response::Parts};
use martello_outcome::{CallError, Outcome, RequestHead};

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Send again.
    Retry {
        /// After this long; zero sends at once.
        after: Duration,
    },
    /// Leave it at this attempt.
    Stop,
}

/// A failed attempt, as a decision sees it.
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
    /// Its error, if it had no response, or one whose body failed.
    pub error: Option<&'a CallError>,
    /// Whether the request may be sent again although this attempt may have been processed.
    pub repeatable: bool,
    /// What backoff with jitter would wait now.
    pub backoff: Duration,
    /// What the response's `Retry-After` asks for, up to the layer's cap.
    pub retry_after: Option<Duration>,
    /// What is waited at random beyond [`retry_after`](Self::retry_after).
    pub retry_after_jitter: Duration,
    /// Whether `Retry-After` asks for more than the layer's cap.
    pub retry_after_exceeds_cap: bool,
    /// What is left of the call's deadline, if it has one.
    pub time_left: Option<Duration>,
    /// Whether the layer sends again after a 429 that says when to come back.
    pub retry_too_many_requests: bool,
}

/// The head of a response, borrowed, without the type of its body.
///
/// Its `Debug` names the header fields without their values.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// What the layers inside have said about it.
    pub extensions: &'a Extensions,
}

impl<'a> ResponseHead<'a> {
    pub(crate) fn of<B>(response: &'a Response<B>) -> Self {
        Self { status: response.status(), headers: response.headers(), extensions: response.extensions() }
    }

    pub(crate) fn of_parts(parts: &'a Parts) -> Self {
        Self { status: parts.status, headers: &parts.headers, extensions: &parts.extensions }
    }
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

impl<'a> AttemptView<'a> {
    /// A first attempt of a request that is not repeatable, without response, error, backoff or deadline: for
    /// tests of a decision, which set the fields that they need.
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
    /// How long to wait if it is sent again: the greater of backoff and `Retry-After`, that with its jitter.
    #[must_use]
    pub fn wait(&self) -> Duration {
        let asked = self.retry_after.map(|asked| asked.saturating_add(self.retry_after_jitter));
        self.backoff.max(asked.unwrap_or(Duration::ZERO))
    }

    /// What the layer decides by itself: an unsent request goes again always, one that was unavailable or
    /// ended ambiguous goes again if it is repeatable, one that was answered 429 with a `Retry-After` goes again
    /// if the layer was told so, and nothing else does. It stops where `Retry-After` asks for more than the cap:
    /// to come back earlier than asked would only add to the load.
    #[must_use]
    pub fn default_decision(&self) -> Decision {
        let again = match self.outcome {
            Outcome::Unsent => true,
            Outcome::Unavailable | Outcome::Ambiguous => self.repeatable,
            _ => self.retry_too_many_requests && self.is_rate_limited(),
        };
        self.retry_if(again)
    }

    /// Sends again after [`AttemptView::wait`] if `again`, unless `Retry-After` exceeds its cap.
    #[must_use]
    pub fn retry_if(&self, again: bool) -> Decision {
        if again && !self.retry_after_exceeds_cap {
            Decision::Retry { after: self.wait() }
        } else {
            Decision::Stop
        }
    }

    /// Whether the server turned the request away unprocessed and says when to come back: 429 with a
    /// `Retry-After` (RFC 6585 §4).
    fn is_rate_limited(&self) -> bool {
        let status = self.response.map(|response| response.status);
        status == Some(StatusCode::TOO_MANY_REQUESTS)
            && (self.retry_after.is_some() || self.retry_after_exceeds_cap)
    }
}

/// A decision of the user's own.
#[derive(Clone)]
pub(crate) struct Decide(pub(crate) Arc<dyn Fn(&AttemptView<'_>) -> Decision + Send + Sync>);

impl fmt::Debug for Decide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decide(fn)")
    }
}
