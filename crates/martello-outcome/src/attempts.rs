use std::{
    error::Error,
    ops::Deref,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Extensions, StatusCode};

use crate::{ErrorText, Outcome, TrackingId};

/// One attempt of a call: one time that the request was put on the wire.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// Its place in the call, counted from 1.
    pub number: u32,
    /// When it started, by this machine's clock.
    pub started: SystemTime,
    /// From its start to the response's head, or to the fault; under whole responses, to the body's end.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The response's status, if a head came.
    pub status: Option<StatusCode>,
    /// The server's name for it, if a tracking layer read one.
    pub tracking_id: Option<TrackingId>,
    /// How long the call had waited before it: backoff or `Retry-After`, and nothing else.
    pub waited: Duration,
    /// What went wrong where no status says it, in at most [`Attempt::MAX_FAULT`] bytes.
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

/// What a call went through: its attempts, in order.
///
/// It stands in the response's extensions when the call did not succeed at once, and in
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
    /// The attempts that led to this response; `None` if it came at once and is a success, or if the call
    /// passed no retry layer.
    pub fn of<B>(response: &http::Response<B>) -> Option<&Self> {
        response.extensions().get()
    }

    /// How the last attempt ended.
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

/// Which attempt of its call a request is, in the request's extensions from the second attempt on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptNumber(pub u32);

impl AttemptNumber {
    /// The number of the attempt that a request with these extensions makes: 1 if nothing is said.
    #[must_use]
    pub fn of(extensions: &Extensions) -> u32 {
        extensions.get::<Self>().map_or(1, |number| number.0)
    }
}
