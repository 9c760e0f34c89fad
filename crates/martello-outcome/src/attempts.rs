use std::{
    error::Error,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Extensions, StatusCode};

use crate::{ErrorText, Outcome, TrackingId};

/// One attempt of a call: the request was sent once.
///
/// ```
/// use std::time::SystemTime;
/// use martello_outcome::{Attempt, Outcome};
///
/// let reset = std::io::Error::other("connection reset");
/// let attempt = Attempt::new(1, SystemTime::now(), Outcome::Ambiguous).with_fault(&reset);
/// assert_eq!(attempt.fault.as_deref(), Some("connection reset"));
/// assert!(attempt.may_be_processed());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Its place in the call, counted from 1.
    pub number: u32,
    /// When it started, by the clock of this machine.
    pub started: SystemTime,
    /// From its start to the response's head or to the fault. If the retry layer reads whole responses, to
    /// the end of the body.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The status, if a response came.
    pub status: Option<StatusCode>,
    /// The tracking id of its response, if a tracking layer read one.
    pub tracking_id: Option<TrackingId>,
    /// How long the call had waited before it: backoff or `Retry-After`, and nothing else.
    pub waited: Duration,
    /// The error, if there was no response, in at most [`Attempt::MAX_FAULT`] bytes.
    pub fault: Option<Box<str>>,
}

impl Attempt {
    /// The longest [`Attempt::fault`], in bytes.
    pub const MAX_FAULT: usize = 512;

    /// An attempt that took no time and waited for none.
    #[must_use]
    pub fn new(number: u32, started: SystemTime, outcome: Outcome) -> Self {
        Self {
            number,
            started,
            duration: Duration::ZERO,
            outcome,
            status: None,
            tracking_id: None,
            waited: Duration::ZERO,
            fault: None,
        }
    }

    /// Sets the fault to the error and its sources, as [`ErrorText::single_line`] writes them.
    #[must_use]
    pub fn with_fault(mut self, error: &(dyn Error + 'static)) -> Self {
        self.fault = Some(ErrorText::new(error).single_line(Self::MAX_FAULT));
        self
    }
}

/// The attempts of a call, in order.
///
/// The retry layer puts it into the extensions of the response, unless the first attempt succeeded, and into
/// [`CallError::attempts`](crate::CallError::attempts). A clone shares the list.
///
/// ```
/// use martello_outcome::Attempts;
///
/// # let response = http::Response::new(());
/// let attempts = Attempts::of(&response).map_or(1, |attempts| attempts.len());
/// assert_eq!(attempts, 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Attempts(Option<Arc<[Attempt]>>);

impl Attempts {
    /// The attempts that led to this response; `None` if the first attempt succeeded, or without a retry
    /// layer.
    pub fn of<B>(response: &http::Response<B>) -> Option<&Self> {
        response.extensions().get()
    }

    /// The outcome of the last attempt.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.last().map(|attempt| attempt.outcome)
    }

    /// How long the call waited between its attempts.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.iter().fold(Duration::ZERO, |sum, attempt| sum.saturating_add(attempt.waited))
    }
}

impl Deref for Attempts {
    type Target = [Attempt];

    fn deref(&self) -> &[Attempt] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl<'a> IntoIterator for &'a Attempts {
    type Item = &'a Attempt;
    type IntoIter = std::slice::Iter<'a, Attempt>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Vec<Attempt>> for Attempts {
    fn from(attempts: Vec<Attempt>) -> Self {
        Self((!attempts.is_empty()).then(|| attempts.into()))
    }
}

/// The number of the attempt, counted from 1, in the extensions of the request. Without one it is the first.
///
/// A retry layer removes the number that the request of its call has, and inserts its own from the second
/// attempt on. The outbox's worker inserts the number of the entry's attempt on every delivery. Layers inside
/// a retry layer do not get that number, even for a call without retry.
///
/// ```
/// use martello_outcome::AttemptNumber;
///
/// let mut request = http::Request::new(());
/// assert_eq!(AttemptNumber::of(request.extensions()), 1);
/// request.extensions_mut().insert(AttemptNumber(2));
/// assert_eq!(AttemptNumber::of(request.extensions()), 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptNumber(pub u32);

impl AttemptNumber {
    /// The number of the attempt in these extensions of a request; 1 by default.
    #[must_use]
    pub fn of(extensions: &Extensions) -> u32 {
        extensions.get::<Self>().map_or(1, |number| number.0)
    }
}
