//! Whether the server may have processed an attempt, and what that means for the outcome of the call.

use http::{Method, StatusCode};

use crate::{Attempt, Attempts, Outcome, status_may_be_processed};

impl Outcome {
    /// Whether the server may have processed an attempt with this outcome; `status` is that of its response,
    /// if there was one.
    ///
    /// It may have after an ambiguous outcome, and after any 5xx but 503. A server that answers 503, 401,
    /// 407, 408, 425 or 429 did not begin.
    #[must_use]
    pub fn may_be_processed(self, status: Option<StatusCode>) -> bool {
        match self {
            Self::Success | Self::Ambiguous => true,
            Self::Unavailable | Self::Faulty => status.is_none_or(status_may_be_processed),
            Self::Rejected | Self::Unsent => false,
        }
    }

    /// The outcome of a call whose last attempt has this outcome and this status, if the server [may have
    /// processed](Self::may_be_processed) an earlier attempt: the last attempt may have been rejected because
    /// the earlier one succeeded.
    ///
    /// | method | rejected with | outcome of the call |
    /// |---|---|---|
    /// | DELETE | 404, 410 | success: the resource is gone |
    /// | any that is not safe | 409, 412 | ambiguous: the request conflicts with the state of the resource (RFC 9110 §15.5.10 and §15.5.13), which the earlier attempt may have written |
    ///
    /// Every other outcome stays. An earlier write does not cause a 404, and a rejection of the request
    /// itself, such as 422 or 428, applied to the earlier attempt too.
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
    /// Whether the server [may have processed](Outcome::may_be_processed) this attempt.
    #[must_use]
    pub fn may_be_processed(&self) -> bool {
        self.outcome.may_be_processed(self.status)
    }
}

impl Attempts {
    /// Whether the server [may have processed](Outcome::may_be_processed) one of the attempts.
    #[must_use]
    pub fn may_be_processed(&self) -> bool {
        self.iter().any(Attempt::may_be_processed)
    }

    /// Whether the server [may have processed](Outcome::may_be_processed) an attempt before the last.
    #[must_use]
    pub fn earlier_may_be_processed(&self) -> bool {
        self.split_last().is_some_and(|(_, earlier)| earlier.iter().any(Attempt::may_be_processed))
    }

    /// The outcome of the call, for a request with this method: that of its last attempt, or
    /// [`Outcome::after_uncertain_attempt`] if the server may have processed an earlier one.
    ///
    /// ```
    /// use http::Method;
    /// use martello_outcome::{Attempts, Outcome};
    ///
    /// # let response = http::Response::new(());
    /// let outcome = Attempts::of(&response).and_then(|attempts| attempts.call_outcome(&Method::DELETE));
    /// assert!(outcome.is_none_or(Outcome::is_success), "also for a 404 after a lost response");
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
