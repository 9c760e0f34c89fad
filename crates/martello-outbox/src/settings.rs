use std::{sync::Arc, time::Duration};

use martello_log::Redaction;
use martello_outcome::{Classifier, Repeatable, RequestHead};

use crate::{Entry, NewEntry, OrderKey, QueueName, Sealing, WhenPending, key_lock::KeyLock};

type OrderBy = Arc<dyn Fn(RequestHead<'_>) -> Option<OrderKey> + Send + Sync>;
type OnDeadLetter = Arc<dyn Fn(&Entry) + Send + Sync>;

/// The settings of an outbox, for all requests of its queue.
pub(crate) struct Settings {
    pub(crate) queue: QueueName,
    pub(crate) classifier: Classifier,
    pub(crate) repeatable: Repeatable,
    pub(crate) redaction: Redaction,
    pub(crate) sealing: Option<Sealing>,
    pub(crate) max_body: usize,
    pub(crate) record_within: Duration,
    pub(crate) order_by: OrderBy,
    pub(crate) when_pending: WhenPending,
    pub(crate) expires_in: Duration,
    pub(crate) max_attempts: u32,
    pub(crate) concurrency: usize,
    pub(crate) on_dead_letter: Option<OnDeadLetter>,
    pub(crate) keys: KeyLock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue: QueueName::default(),
            classifier: Classifier::default(),
            repeatable: Repeatable::default(),
            redaction: Redaction::default(),
            sealing: None,
            max_body: 1024 * 1024,
            record_within: Duration::from_secs(10),
            order_by: Arc::new(OrderKey::by_target),
            when_pending: WhenPending::default(),
            expires_in: NewEntry::EXPIRES_IN,
            max_attempts: NewEntry::MAX_ATTEMPTS,
            concurrency: 5,
            on_dead_letter: None,
            keys: KeyLock::default(),
        }
    }
}
