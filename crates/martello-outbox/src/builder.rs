use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use martello_log::Redaction;
use martello_outcome::{Classifier, ConfigError, RequestHead};

use crate::{Entry, OrderKey, Outbox, QueueName, Sealing, Store, WhenPending, settings::Settings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_BODY: RangeInclusive<usize> = 1..=64 * 1024 * 1024;
const EXPIRES_IN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
const MAX_ATTEMPTS: RangeInclusive<u32> = 1..=1_000;
const CONCURRENCY: RangeInclusive<usize> = 1..=1_000;

/// Builds an [`Outbox`]. [`OutboxBuilder::build`] checks the settings.
pub struct OutboxBuilder {
    store: Arc<dyn Store>,
    settings: Settings,
    queue: Option<String>,
}

impl Outbox {
    /// Builds an outbox with other settings than the defaults.
    pub fn builder(store: impl Store) -> OutboxBuilder {
        OutboxBuilder::new(Arc::new(store))
    }
}

impl OutboxBuilder {
    fn new(store: Arc<dyn Store>) -> Self {
        Self { store, settings: Settings::default(), queue: None }
    }

    /// Sets the name of the queue: 1 to 64 ASCII letters, digits, dots, hyphens and underscores. `default` by
    /// default.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.queue = Some(name.into());
        self
    }

    /// Sets how responses are classified. Use the classifier of the stack.
    #[must_use]
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.settings.classifier = classifier;
        self
    }

    /// Treats every request as idempotent, whatever its method.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.settings.repeatable = self.settings.repeatable.assume_idempotent();
        self
    }

    /// Treats requests as idempotent because the server processes an `Idempotency-Key` only once. Each
    /// request that changes something gets a key before its first attempt. Off by default: a server that does
    /// not know the header processes the request twice.
    #[must_use]
    pub fn honours_idempotency_key(mut self) -> Self {
        self.settings.repeatable = self.settings.repeatable.honours_idempotency_key();
        self
    }

    /// Sets which headers are secret and not stored. Use the redaction of the log layers.
    #[must_use]
    pub fn redaction(mut self, redaction: Redaction) -> Self {
        self.settings.redaction = redaction;
        self
    }

    /// Seals bodies before they are stored. Off by default: a body is stored as it is.
    #[must_use]
    pub fn sealing(mut self, sealing: Sealing) -> Self {
        self.settings.sealing = Some(sealing);
        self
    }

    /// Sets the largest body that is stored, in bytes: 1 to 64 MiB, 1 MiB by default, which is far above what
    /// APIs accept for one entity. A streamed body is recorded up to this size while it is first sent, also
    /// for the retries of the inner stack.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// Sets how long a streamed body may take to end when its request is to be stored: up to a day, 10 s by
    /// default, because the caller waits.
    #[must_use]
    pub fn record_within(mut self, time: Duration) -> Self {
        self.settings.record_within = time;
        self
    }

    /// Sets the order key of requests. By default, PUT, PATCH and DELETE are ordered by their target
    /// ([`OrderKey::by_target`]), and other methods are not ordered.
    #[must_use]
    pub fn order_by<F>(mut self, key: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<OrderKey> + Send + Sync + 'static,
    {
        self.settings.order_by = Arc::new(key);
        self
    }

    /// Cancels the older requests of a key that no worker has claimed when a newer one is stored, instead of
    /// waiting behind them. Off by default: it is right only if each request carries the whole state of its
    /// key. Headers are not part of the default key: if one such as `x-tenant` identifies the resource, set
    /// keys that contain it.
    #[must_use]
    pub fn supersede_pending(mut self) -> Self {
        self.settings.when_pending = WhenPending::Supersede;
        self
    }

    /// Sets when a request expires: 1 s to 366 days, 7 days by default, which is longer than an outage over a
    /// long weekend and too short for a write of last month.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.settings.expires_in = time;
        self
    }

    /// Sets how many attempts workers make: 1 to 1,000, 20 by default. With the default backoff, 20 attempts
    /// last for about half a day.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// Sets how many entries of the queue may be leased at once, in all processes together: 1 to 1,000, 5 by
    /// default. Use the same number in all processes, because each process applies its own.
    #[must_use]
    pub fn concurrency(mut self, leases: usize) -> Self {
        self.settings.concurrency = leases;
        self
    }

    /// Calls this function for each request that becomes a dead letter through this outbox's layer or
    /// workers, after it is stored and on the task that stored it. The function should be fast. A panic in it
    /// is caught and logged.
    #[must_use]
    pub fn on_dead_letter<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Entry) + Send + Sync + 'static,
    {
        self.settings.on_dead_letter = Some(Arc::new(hook));
        self
    }

    /// Builds the outbox.
    ///
    /// # Errors
    ///
    /// The first setting that is out of its range.
    pub fn build(mut self) -> Result<Outbox, ConfigError> {
        if let Some(queue) = self.queue {
            let expected = "1 to 64 ASCII letters, digits, dots, hyphens or underscores";
            self.settings.queue = QueueName::new(&queue)
                .map_err(|_| ConfigError::new("queue", format_args!("{queue:?}"), expected))?;
        }
        let settings = self.settings;
        check("max_body", settings.max_body, &MAX_BODY, "1 byte to 64 MiB")?;
        check("max_attempts", settings.max_attempts, &MAX_ATTEMPTS, "1 to 1,000")?;
        check("concurrency", settings.concurrency, &CONCURRENCY, "1 to 1,000")?;
        let seconds = |time: Duration| format!("{time:?}");
        if !EXPIRES_IN.contains(&settings.expires_in) {
            return Err(ConfigError::new("expires_in", seconds(settings.expires_in), "1 s to 366 days"));
        }
        if settings.record_within > DAY {
            return Err(ConfigError::new("record_within", seconds(settings.record_within), "up to a day"));
        }
        Ok(Outbox { store: self.store, settings: Arc::new(settings) })
    }
}

fn check<T: PartialOrd + fmt::Display>(
    field: &'static str,
    value: T,
    range: &RangeInclusive<T>,
    expected: &'static str,
) -> Result<(), ConfigError> {
    if range.contains(&value) { Ok(()) } else { Err(ConfigError::new(field, value, expected)) }
}

impl fmt::Debug for OutboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxBuilder")
            .field("store", &self.store)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}
