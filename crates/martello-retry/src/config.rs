use std::time::Duration;

use martello_outcome::{Classifier, Repeatable};

use crate::{Budget, backoff::RandomBackoff, policy::Decide};

/// The settings of a layer. [`RetryBuilder::build`](crate::RetryBuilder::build) has checked those of a layer
/// that exists.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) attempts: u32,
    pub(crate) backoff: RandomBackoff,
    pub(crate) retry_after_cap: Duration,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) budget: Budget,
    pub(crate) replay_cap: usize,
    pub(crate) drain_bytes: u64,
    pub(crate) drain_time: Duration,
    pub(crate) whole_response_cap: Option<usize>,
    pub(crate) classifier: Classifier,
    pub(crate) repeatable: Repeatable,
    pub(crate) too_many_requests: bool,
    pub(crate) decide: Option<Decide>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            attempts: 4,
            backoff: RandomBackoff::default(),
            retry_after_cap: Duration::from_secs(60),
            attempt_timeout: Some(Duration::from_secs(30)),
            idle_timeout: Some(Duration::from_secs(30)),
            deadline: Some(Duration::from_secs(120)),
            budget: Budget::default(),
            replay_cap: 64 * 1024,
            drain_bytes: 1024 * 1024,
            drain_time: Duration::from_secs(1),
            whole_response_cap: None,
            classifier: Classifier::default(),
            repeatable: Repeatable::default(),
            too_many_requests: false,
            decide: None,
        }
    }
}
