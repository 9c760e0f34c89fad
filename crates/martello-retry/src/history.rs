use std::{
    mem,
    time::{Duration, SystemTime},
};

use martello_outcome::{Attempt, Attempts, CallError, Outcome, TrackingId};

use crate::ResponseHead;

/// The attempts that a call has made.
pub(crate) struct History {
    /// The number of the current attempt, counted from 1.
    number: u32,
    /// The wait before the current attempt.
    waited: Duration,
    ended: Vec<Attempt>,
}

impl History {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { number: 1, waited: Duration::ZERO, ended: Vec::new() }
    }

    /// The number of the current attempt, counted from 1.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Starts the next attempt, after this wait.
    pub(crate) fn begin(&mut self, waited: Duration) {
        self.number += 1;
        self.waited = waited;
    }

    /// Records how the current attempt ended, after this time.
    pub(crate) fn record(
        &mut self,
        duration: Duration,
        outcome: Outcome,
        head: Option<ResponseHead<'_>>,
        error: Option<&CallError>,
    ) {
        let now = SystemTime::now();
        let mut attempt = Attempt::new(self.number, now.checked_sub(duration).unwrap_or(now), outcome);
        attempt.duration = duration;
        attempt.waited = self.waited;
        attempt.status = head.map(|head| head.status);
        attempt.tracking_id = head.and_then(|head| head.extensions.get::<TrackingId>().copied());
        if let Some(error) = error {
            attempt = attempt.with_fault(error);
        }
        self.ended.push(attempt);
    }

    /// Takes the recorded attempts.
    pub(crate) fn take(&mut self) -> Attempts {
        Attempts::from(mem::take(&mut self.ended))
    }
}
