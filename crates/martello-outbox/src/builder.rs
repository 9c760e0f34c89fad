use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use martello_log::Redaction;
use martello_outcome::{Classifier, ConfigError, RequestHead};

use crate::{Entry, OrderKey, Outbox, QueueName, Sealing, Store, WhenPending, settings::Settings};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_BODY: RangeInclusive<usize> = 1..=64 * 1024 * 1024;
const EXPIRES_IN: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(366 * 24 * 60 * 60);
const MAX_ATTEMPTS: RangeInclusive<u32> = 1..=1_000;
const CONCURRENCY: RangeInclusive<usize> = 1..=1_000;

/// Collects what an [`Outbox`] is to do, and checks it once, in [`OutboxBuilder::build`].
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

    /// The queue's name: 1 to 64 ASCII letters, digits, dots, hyphens and underscores. `default` by default.
    #[must_use]
    pub fn queue(mut self, name: impl Into<String>) -> Self {
        self.queue = Some(name.into());
        self
    }

    /// How outcomes are told from each other. Give it the classifier of the stack, so that both agree.
    #[must_use]
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.settings.classifier = classifier;
        self
    }

    /// Takes every request to be idempotent, whatever its method.
    #[must_use]
    pub fn assume_idempotent(mut self) -> Self {
        self.settings.repeatable = self.settings.repeatable.assume_idempotent();
        self
    }

    /// Takes requests to be idempotent because this server processes an `Idempotency-Key` only once, and each request
    /// that changes something is given one at the door. Off by default: to a server that does not know the header, the
    /// second request is simply a second request.
    #[must_use]
    pub fn honours_idempotency_key(mut self) -> Self {
        self.settings.repeatable = self.settings.repeatable.honours_idempotency_key();
        self
    }

    /// Which headers are secret, and are not stored. Give it the redaction of the log layers, so that what is not
    /// written to the one is not written to the other.
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

    /// The largest body that is stored, in bytes: 1 to 64 MiB, 1 MiB by default, far above what an API takes for one
    /// entity. A body that streams is recorded up to this size while it is first sent, also for the retries of the
    /// stack inside.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.settings.max_body = bytes;
        self
    }

    /// How long a body that streams may take to come to its end once its request is to be stored: up to a day, 10 s by
    /// default, because the caller waits.
    #[must_use]
    pub fn record_within(mut self, time: Duration) -> Self {
        self.settings.record_within = time;
        self
    }

    /// What orders requests. By default, those of PUT, PATCH and DELETE are ordered by their target
    /// ([`OrderKey::by_target`]), and others by nothing.
    #[must_use]
    pub fn order_by<F>(mut self, key: F) -> Self
    where
        F: Fn(RequestHead<'_>) -> Option<OrderKey> + Send + Sync + 'static,
    {
        self.settings.order_by = Arc::new(key);
        self
    }

    /// Lets a newer request of a key take the place of those that no worker has, instead of waiting behind them. Off
    /// by default: it is right only where each request carries the whole state of its key. The key of a target has
    /// no header in it: where one such as `x-tenant` tells resources apart, say keys that have it.
    #[must_use]
    pub fn supersede_pending(mut self) -> Self {
        self.settings.when_pending = WhenPending::Supersede;
        self
    }

    /// How long until a request is given up on: 1 s to 366 days, 7 days by default. An outage of a long weekend passes,
    /// and nobody is surprised by a write of last month.
    #[must_use]
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.settings.expires_in = time;
        self
    }

    /// How many attempts workers may make at a request: 1 to 1,000, 20 by default. With the default backoff, those
    /// last for about half a day.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = attempts;
        self
    }

    /// How many of the queue may be with workers at once, in all processes together: 1 to 1,000, 5 by default. Give all
    /// processes the same: each keeps to its own.
    #[must_use]
    pub fn concurrency(mut self, leases: usize) -> Self {
        self.settings.concurrency = leases;
        self
    }

    /// Calls this for each request that becomes a dead letter at this outbox's door or by its workers, on the task that
    /// found out, after it is stored. It should be quick. A panic in it is caught, and written to the log.
    #[must_use]
    pub fn on_dead_letter<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Entry) + Send + Sync + 'static,
    {
        self.settings.on_dead_letter = Some(Arc::new(hook));
        self
    }

    /// The outbox.
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
