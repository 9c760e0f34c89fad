use std::time::Duration;

use tokio::time::Instant;

/// Where a call has to wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pending {
    /// Before an attempt: for the backoff, for the service to be ready, or in the queue of a layer inside.
    BeforeAttempt,
    /// In an attempt: for the server.
    InAttempt,
}

impl Pending {
    #[inline]
    pub(crate) fn of_attempt(queued: bool) -> Self {
        if queued { Self::BeforeAttempt } else { Self::InAttempt }
    }
}

/// The times of a call and of its current attempt. A call that never has to wait reads no clock.
//
// `Call` is generic, so that its code is generated in the user's crate. A function of this type that each
// attempt calls is `#[inline]`, so that it can be inlined there.
pub(crate) struct Clocks {
    deadline: Option<Duration>,
    attempt_timeout: Option<Duration>,
    /// When the call first had to wait.
    started: Option<Instant>,
    /// When the current attempt first had to wait while it was not queued.
    attempt_started: Option<Instant>,
    /// Whether the current attempt was queued when it was last polled. Before the first poll this is unknown,
    /// because a service may send as soon as it is called.
    queued: bool,
}

impl Clocks {
    #[inline(always)]
    pub(crate) fn new(deadline: Option<Duration>, attempt_timeout: Option<Duration>) -> Self {
        Self { deadline, attempt_timeout, started: None, attempt_started: None, queued: false }
    }

    /// Prepares the next attempt.
    pub(crate) fn reset_attempt(&mut self) {
        self.attempt_started = None;
        self.queued = false;
    }

    /// Starts the clock of the call, and in an attempt that of the attempt, if they do not run yet. Returns
    /// whether the attempt's clock was started.
    pub(crate) fn on_pending(&mut self, pending: Pending) -> bool {
        self.queued = pending == Pending::BeforeAttempt;
        let starts_attempt = self.attempt_started.is_none() && !self.queued;
        if self.started.is_none() || starts_attempt {
            let now = Instant::now();
            self.started.get_or_insert(now);
            if starts_attempt {
                self.attempt_started = Some(now);
            }
        }
        starts_attempt
    }

    /// When the whole call must be over.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.started?.checked_add(self.deadline?)
    }

    /// When the current attempt must be over.
    pub(crate) fn attempt_deadline(&self) -> Option<Instant> {
        self.attempt_started?.checked_add(self.attempt_timeout?)
    }

    /// How long the current attempt has taken, without the time in a queue.
    pub(crate) fn attempt_duration(&self) -> Duration {
        self.attempt_started.map_or(Duration::ZERO, |started| started.elapsed())
    }

    /// Whether the current attempt has begun and is not queued.
    pub(crate) fn is_on_the_wire(&self) -> bool {
        self.attempt_started.is_some()
    }

    /// Whether the current attempt is queued and the deadline has passed.
    #[inline]
    pub(crate) fn is_too_late(&self) -> bool {
        self.queued && self.attempt_started.is_none() && self.is_over()
    }

    /// Whether the call has waited and its deadline has passed.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.started.is_some() && self.time_left() == Some(Duration::ZERO)
    }

    /// The time until the deadline.
    #[inline]
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline?;
        Some(self.started.map_or(deadline, |started| deadline.saturating_sub(started.elapsed())))
    }
}
