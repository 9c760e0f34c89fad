use std::{sync::Arc, time::Duration};

use martello_outcome::{Backoff, Classifier, ConfigError};

use crate::{AttemptView, Budget, Decision, RetryLayer, config::Config, policy::Decide};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Configures a [`RetryLayer`]. [`build`](Self::build) checks the values.
///
/// | setting | default | reason |
/// |---|---|---|
/// | attempts | 4 | a load balancer's 503 is mostly over after two or three |
/// | backoff | 100 ms, doubled up to 10 s | the first retry is fast for the user, the last spares the server |
/// | jitter | 1.0, the full wait | calls that failed together must not retry together |
/// | `Retry-After` cap | 60 s | beyond it the response is more useful than the wait |
/// | attempt timeout | 30 s | load balancers allow a server as long |
/// | idle timeout of the body | 30 s | a working server sends something in that time |
/// | deadline | 120 s | enough for four attempts that all time out |
/// | budget | 0.1 per success, 10 at the start, at most 100 | retries must not make an outage worse |
/// | replay cap | 64 KiB | most entities are smaller |
/// | drain | 1 MiB or 1 s | more would cost more than a new connection |
///
/// Layers built from clones share the budget, and each has its own jitter.
///
/// ```
/// use std::time::Duration;
/// use martello_retry::RetryLayer;
///
/// let layer = RetryLayer::builder().attempts(3).deadline(Duration::from_secs(60)).build()?;
/// assert!(RetryLayer::builder().attempts(0).build().is_err());
/// # Ok::<(), martello_retry::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct RetryBuilder {
    config: Config,
    invalid: Option<ConfigError>,
}

impl RetryLayer {
    /// Starts with the [defaults](RetryBuilder).
    pub fn builder() -> RetryBuilder {
        RetryBuilder::default()
    }
}

impl RetryBuilder {
    /// Sets how many times a request is sent at most, including the first: 1 to 100. With 1 only the timeouts
    /// apply.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.config.attempts = attempts;
        self
    }

    /// Sets the wait before the second attempt, `base`, 1 ms to 1 h. It doubles with each further attempt up
    /// to `cap`, which is from `base` to 1 h. Jitter shortens each wait.
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        let jitter = self.config.backoff.backoff.jitter();
        self.config.backoff.backoff = Backoff::new(base, cap).with_jitter(jitter);
        self
    }

    /// Sets which part of each wait is random, 0.0 to 1.0. With 1.0, “full jitter”, a wait is from zero to
    /// the whole; with 0.0 it is always the whole. See [“Exponential Backoff And
    /// Jitter”](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.config.backoff.backoff = self.config.backoff.backoff.with_jitter(jitter);
        self
    }

    /// Seeds the generator of jitter, so that a run can be repeated. By default each layer has a random seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.config.backoff.seed(seed);
        self
    }

    /// Sets the longest `Retry-After` that the layer waits for, up to 24 h. For a longer one it returns the
    /// response. [Jitter](Self::jitter) adds up to half of the `Retry-After`, and at most 10 s.
    pub fn retry_after_cap(mut self, cap: Duration) -> Self {
        self.config.retry_after_cap = cap;
        self
    }

    /// Sets the longest time from the start of an attempt to the response's head, 1 ms to 1 h. `None` waits
    /// until the deadline. The time does not run while a limit inside queues the request. An attempt that
    /// timed out is ambiguous.
    pub fn attempt_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.attempt_timeout = timeout.into();
        self
    }

    /// Sets the longest wait for the next frame of the response's body, 1 ms to 1 h. `None` waits without
    /// limit.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.idle_timeout = timeout.into();
        self
    }

    /// Sets the longest time of the whole call up to the response's head, 1 ms to 24 h: queues, attempts and
    /// waits. It starts when the call first has to wait. With `None` only the parts have limits.
    /// [`CallOptions`](martello_outcome::CallOptions) set another deadline for one request.
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.config.deadline = deadline.into();
        self
    }

    /// Sets the budget that pays for retries. Give the same budget to all layers for the same server.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.config.budget = budget;
        self
    }

    /// Sets how many bytes of a streaming request body are kept for a later attempt, up to 64 MiB. A longer
    /// body is sent, but not retried.
    pub fn replay_cap(mut self, bytes: usize) -> Self {
        self.config.replay_cap = bytes;
        self
    }

    /// Sets how much of a failed response's body is read so that its connection can be reused: at most
    /// `bytes`, for at most `time`, up to 1 min. The layer reads during the wait, and starts the next attempt
    /// when both are over. Reading takes at most half of the time that the wait leaves until the deadline.
    /// With zero bytes every body that is not empty is dropped.
    pub fn drain(mut self, bytes: u64, time: Duration) -> Self {
        self.config.drain_bytes = bytes;
        self.config.drain_time = time;
        self
    }

    /// Sets the statuses that count as unavailable, instead of 503 and 504: each from 400 to 599, at least
    /// one.
    pub fn unavailable(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        match Classifier::unavailable(statuses) {
            Ok(classifier) => self.config.classifier = classifier,
            Err(invalid) => self.invalid = Some(invalid),
        }
        self
    }

    /// Retries after a 429 with a `Retry-After` (RFC 6585 §4), whatever the method, because the server did
    /// not process the request.
    pub fn retry_too_many_requests(mut self) -> Self {
        self.config.too_many_requests = true;
        self
    }

    /// Treats every request as safe to send again, whatever its method.
    pub fn assume_idempotent(mut self) -> Self {
        self.config.repeatable = self.config.repeatable.assume_idempotent();
        self
    }

    /// Treats a request with an `Idempotency-Key` as safe to send again, because the server honours the key.
    pub fn honours_idempotency_key(mut self) -> Self {
        self.config.repeatable = self.config.repeatable.honours_idempotency_key();
        self
    }

    /// Reads each response's body to its end, at most `cap` bytes (1 to 1 GiB), before the call returns the
    /// response. A body that is truncated or stalls is then a failed attempt like any other. The deadline
    /// includes the body. A body larger than the cap fails the call.
    ///
    /// A response to CONNECT and one that switches protocols are returned as they are.
    ///
    /// ```
    /// let layer = martello_retry::RetryLayer::builder().whole_responses(1 << 20).build()?;
    /// # Ok::<(), martello_retry::ConfigError>(())
    /// ```
    pub fn whole_responses(mut self, cap: usize) -> Self {
        self.config.whole_response_cap = Some(cap);
        self
    }

    /// Sets the function that decides after each failed attempt, instead of
    /// [`AttemptView::default_decision`]. The number of attempts, the deadline, the budget and the copy of
    /// the body still limit retries. The function is not called after the last attempt, nor for a request
    /// that [can never be sent](martello_outcome::ErrorKind::Unsendable). [`AttemptView::new`] creates an
    /// attempt to test it with.
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

    /// Checks the values and creates the layer.
    ///
    /// # Errors
    ///
    /// When a value is out of its range. The error names the value.
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
    let whole = config.whole_response_cap.unwrap_or(1);
    require((1..=1 << 30).contains(&whole), "whole responses", &whole, "1 byte to 1 GiB")
}
