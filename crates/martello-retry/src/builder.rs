use std::{sync::Arc, time::Duration};

use martello_outcome::{Backoff, Classifier, ConfigError};

use crate::{AttemptView, Budget, Decision, RetryLayer, config::Config, policy::Decide};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Collects what a [`RetryLayer`] shall do; [`build`](Self::build) checks it.
///
/// | what | default | reason |
/// |---|---|---|
/// | attempts | 4 | a load balancer's 503 is mostly gone after two or three |
/// | backoff | 100 ms, doubled up to 10 s | the first retry within the user's patience, the last out of the server's way |
/// | jitter | 1.0, the full wait | calls that failed together must not come back together |
/// | `Retry-After` cap | 60 s | nobody waits longer for a response in hand |
/// | attempt timeout | 30 s | what load balancers allow a server |
/// | idle timeout of the body | 30 s | a live server sends something |
/// | deadline | 120 s | four attempts that all time out |
/// | budget | 0.1 per success, 10 to begin with, at most 100 | an outage must not be made worse |
/// | replay cap | 64 KiB | what most entities fit into |
/// | drain | 1 MiB or 1 s | dearer than a new connection |
///
/// A clone is for another layer: the two share the budget, and draw their own jitter.
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct RetryBuilder {
    config: Config,
    invalid: Option<ConfigError>,
}

impl RetryLayer {
    /// Starts from the defaults.
    pub fn builder() -> RetryBuilder {
        RetryBuilder::default()
    }
}

impl RetryBuilder {
    /// How many times a request is sent at most, the first included: 1 to 100. With 1 only the timeouts act.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.config.attempts = attempts;
        self
    }

    /// The wait before the second attempt, 1 ms to 1 h, which doubles with each further one up to `cap`, which
    /// is from `base` to 1 h. Jitter makes each wait shorter.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        let jitter = self.config.backoff.backoff.jitter();
        self.config.backoff.backoff = Backoff::new(base, cap).with_jitter(jitter);
        self
    }

    /// How much of each wait is drawn by lot: 1.0, “full jitter”, waits from nothing to the whole; 0.0 waits
    /// the whole always. See [“Exponential Backoff And
    /// Jitter”](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.config.backoff.backoff = self.config.backoff.backoff.with_jitter(jitter);
        self
    }

    /// Draws the jitter from this seed, so that a run can be repeated. Without it each layer has its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.backoff.seed(seed);
        self
    }

    /// The longest `Retry-After` that is waited for, up to 24 h. Beyond it the call stops with the response in
    /// hand. [Jitter](Self::jitter) adds up to half of what was asked for, and at most 10 s.
    pub fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.config.retry_after_cap = cap;
        self
    }

    /// The longest time from the start of an attempt to the response's head, 1 ms to 1 h; `None` waits as long
    /// as the deadline allows. The time does not run while a limit inside holds the request back. An attempt
    /// that timed out is ambiguous.
    pub fn attempt_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.attempt_timeout = timeout.into();
        self
    }

    /// The longest time that a reader of the response's body waits for its next frame, 1 ms to 1 h; `None`
    /// waits for ever.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.idle_timeout = timeout.into();
        self
    }

    /// The longest time of the whole call up to the response's head, 1 ms to 24 h: queueing, attempts and
    /// waits. It starts when the call first has to wait. `None` sets no bound but that of the parts.
    /// [`CallOptions`](martello_outcome::CallOptions) set another for one request.
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.config.deadline = deadline.into();
        self
    }

    /// The account that pays for retries. Give the same one to several layers for the same server.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.config.budget = budget;
        self
    }

    /// How much of a streaming request body is kept for a later attempt, up to 64 MiB. A body with more is
    /// sent, but not again.
    pub fn replay_cap(mut self, bytes: usize) -> Self {
        self.config.replay_cap = bytes;
        self
    }

    /// How much of a failed response's body is read so that its connection can be used again: at most so
    /// many bytes, for at most so long, up to 1 min. It happens beside the wait; the next attempt starts when
    /// both are over. It takes at most half of the time that the wait leaves of the deadline. Zero bytes drop every
    /// body that is not empty.
    pub fn drain(mut self, bytes: u64, time: Duration) -> Self {
        self.config.drain_bytes = bytes;
        self.config.drain_time = time;
        self
    }

    /// The statuses that count as unavailable, in place of 503 and 504: each from 400 to 599, at least one.
    pub fn unavailable(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        match Classifier::unavailable(statuses) {
            Ok(classifier) => self.config.classifier = classifier,
            Err(invalid) => self.invalid = Some(invalid),
        }
        self
    }

    /// Sends again after a 429 that has a `Retry-After` (RFC 6585 §4), whatever the method, because the server did
    /// not process it.
    pub fn retry_too_many_requests(mut self) -> Self {
        self.config.too_many_requests = true;
        self
    }

    /// Takes every request to be safe to send again, whatever its method.
    pub fn assume_idempotent(mut self) -> Self {
        self.config.repeatable = self.config.repeatable.assume_idempotent();
        self
    }

    /// Takes a request with an `Idempotency-Key` to be safe to send again, because this server honours it.
    pub fn honours_idempotency_key(mut self) -> Self {
        self.config.repeatable = self.config.repeatable.honours_idempotency_key();
        self
    }

    /// Reads each response's body to its end, at most `cap` bytes (1 to 1 GiB), before the response is handed
    /// over: a body that is cut short or stands still is then a failed attempt like any other. The deadline
    /// covers the body too. A body larger than the cap fails the call.
    ///
    /// A response to CONNECT and one that switches protocols are handed over as they are.
    pub fn whole_responses(mut self, cap: usize) -> Self {
        self.config.whole = Some(cap);
        self
    }

    /// Decides about each failed attempt in place of [`AttemptView::default_decision`]. Attempts, deadline,
    /// budget and what can be sent again at all still bound the answer. It is not asked after the last
    /// attempt, nor about a request that [can never be sent](martello_outcome::ErrorKind::Unsendable).
    /// [`AttemptView::new`] makes an attempt to test it with.
    ///
    /// ```
    /// use martello_retry::{Decision, RetryLayer};
    ///
    /// let layer = RetryLayer::builder()
    ///     .decide(|attempt| match attempt.response {
    ///         Some(response) if response.status == 409 => attempt.retry_if(attempt.number < 3),
    ///         _ => attempt.default_decision(),
    ///     })
    ///     .build()?;
    /// # Ok::<(), martello_outcome::ConfigError>(())
    /// ```
    pub fn decide(mut self, decide: impl Fn(&AttemptView<'_>) -> Decision + Send + Sync + 'static) -> Self {
        self.config.decide = Some(Decide(Arc::new(decide)));
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// When a value is out of its range; the error names it.
    pub fn build(self) -> Result<RetryLayer, ConfigError> {
        match self.invalid {
            Some(invalid) => Err(invalid),
            None => check(&self.config).map(|()| RetryLayer::new(self.config)),
        }
    }
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let backoff = config.backoff.backoff;
    let (base, cap, jitter) = (backoff.base(), backoff.cap(), backoff.jitter());
    let within = |field, duration: Option<Duration>, most| match duration {
        Some(duration) if duration < MILLISECOND || duration > most => {
            let allowed = if most == HOUR { "1 ms to 1 h" } else { "1 ms to 24 h" };
            Err(ConfigError::new(field, format_args!("{duration:?}"), allowed))
        }
        _ => Ok(()),
    };
    let require = |valid: bool, field, value: &dyn std::fmt::Debug, allowed| match valid {
        true => Ok(()),
        false => Err(ConfigError::new(field, format_args!("{value:?}"), allowed)),
    };
    require((1..=100).contains(&config.attempts), "attempts", &config.attempts, "1 to 100")?;
    within("backoff base", Some(base), HOUR)?;
    require((base..=HOUR).contains(&cap), "backoff cap", &cap, "from the base to 1 h")?;
    require((0.0..=1.0).contains(&jitter), "jitter", &jitter, "0.0 to 1.0")?;
    let cap = config.retry_after_cap;
    require(cap <= 24 * HOUR, "retry-after cap", &cap, "at most 24 h")?;
    within("attempt timeout", config.attempt_timeout, HOUR)?;
    within("idle timeout", config.idle_timeout, HOUR)?;
    within("deadline", config.deadline, 24 * HOUR)?;
    let cap = config.replay_cap;
    require(cap <= 64 << 20, "replay cap", &cap, "at most 64 MiB")?;
    let time = config.drain_time;
    require(time <= Duration::from_secs(60), "drain time", &time, "at most 1 min")?;
    let whole = config.whole.unwrap_or(1);
    require((1..=1 << 30).contains(&whole), "whole responses", &whole, "1 byte to 1 GiB")
}
