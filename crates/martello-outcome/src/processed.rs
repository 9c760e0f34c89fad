//! A call that meets what an earlier attempt of its own has done.

use http::{Method, StatusCode};

use crate::{Attempt, Attempts, Outcome};

/// Whether a server that answers with this status may have processed the request although it failed: any 5xx but 503. A
/// server that answers 503 says that it did not begin.
///
/// ```
/// use http::StatusCode;
/// use martello_outcome::status_may_be_processed;
///
/// assert!(status_may_be_processed(StatusCode::BAD_GATEWAY));
/// assert!(!status_may_be_processed(StatusCode::SERVICE_UNAVAILABLE));
/// ```
#[must_use]
pub fn status_may_be_processed(status: StatusCode) -> bool {
    status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE
}

impl Outcome {
    /// Whether the server may have done what it was asked to in an attempt that ended so; `status` is that of its response,
    /// if a head came.
    ///
    /// It may have after an ambiguous end, and after any 5xx but 503. A server that answers 503 says that it did not begin,
    /// and so do 401, 407, 408, 425 and 429.
    #[must_use]
    pub fn may_be_processed(self, status: Option<StatusCode>) -> bool {
        match self {
            Self::Success | Self::Ambiguous => true,
            Self::Unavailable | Self::Faulty => status.is_none_or(status_may_be_processed),
            Self::Rejected | Self::Unsent => false,
        }
    }

    /// How a call ended whose last attempt ended so, with this status, where an earlier attempt of it
    /// [may have been processed](Self::may_be_processed): its own success may be what the last attempt was rejected for.
    ///
    /// | method | rejected with | the call's outcome |
    /// |---|---|---|
    /// | DELETE | 404, 410 | success: it was to be gone, and is, whoever deleted it |
    /// | any that is not safe | 409, 412 | ambiguous: it conflicts with the state that it meets (RFC 9110 §15.5.10 and §15.5.13), and nobody can tell whether that is its own |
    ///
    /// Everything else stays what it is: a write does not make 404, and what a rejection says of the request itself, such as 422
    /// or 428, was true of the earlier attempt, too.
    ///
    /// ```
    /// use http::{Method, StatusCode};
    /// use martello_outcome::Outcome;
    ///
    /// let gone = Outcome::Rejected.after_uncertain_attempt(&Method::DELETE, Some(StatusCode::NOT_FOUND));
    /// assert_eq!(gone, Outcome::Success);
    /// ```
    #[must_use]
    pub fn after_uncertain_attempt(self, method: &Method, status: Option<StatusCode>) -> Self {
        match (self, status) {
            (Self::Rejected, Some(StatusCode::NOT_FOUND | StatusCode::GONE)) if *method == Method::DELETE => {
                Self::Success
            }
            (Self::Rejected, Some(StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED))
                if !method.is_safe() =>
            {
                Self::Ambiguous
            }
            _ => self,
        }
    }
}

impl Attempt {
    /// Whether the server [may have done](Outcome::may_be_processed) in it what it was asked to.
    #[must_use]
    pub fn may_be_processed(&self) -> bool {
        self.outcome.may_be_processed(self.status)
    }
}

impl Attempts {
    /// Whether the server [may have done](Outcome::may_be_processed) in one of them what it was asked to.
    #[must_use]
    pub fn may_be_processed(&self) -> bool {
        self.iter().any(Attempt::may_be_processed)
    }

    /// Whether the server [may have done](Outcome::may_be_processed) what it was asked to in one before the last.
    #[must_use]
    pub fn earlier_may_be_processed(&self) -> bool {
        self.split_last().is_some_and(|(_, earlier)| earlier.iter().any(Attempt::may_be_processed))
    }

    /// How the call ended, of a request with this method: as its last attempt did, but
    /// [`Outcome::after_uncertain_attempt`] where an earlier one may have been processed.
    ///
    /// ```
    /// use http::Method;
    /// use martello_outcome::{Attempts, Outcome};
    ///
    /// # let response = http::Response::new(());
    /// let outcome = Attempts::of(&response).and_then(|attempts| attempts.call_outcome(&Method::DELETE));
    /// assert!(outcome.is_none_or(Outcome::is_success), "a 404 after a lost answer, too");
    /// ```
    #[must_use]
    pub fn call_outcome(&self, method: &Method) -> Option<Outcome> {
        let last = self.last()?;
        match self.earlier_may_be_processed() {
            true => Some(last.outcome.after_uncertain_attempt(method, last.status)),
            false => Some(last.outcome),
        }
    }
}
