use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use martello_outcome::{Backoff, RetryAfter};

/// Waits of a random length. Clones of a layer share the generator through `Arc<Config>`; cloning the config
/// makes a new generator. If two layers drew the same waits, their calls would retry at the same time.
#[derive(Debug)]
pub(crate) struct RandomBackoff {
    pub(crate) backoff: Backoff,
    seed: Option<u64>,
    generator: Mutex<fastrand::Rng>,
}

/// A clone has its own generator, from the same seed if there is one.
impl Clone for RandomBackoff {
    fn clone(&self) -> Self {
        Self { generator: generator(self.seed), ..*self }
    }
}

fn generator(seed: Option<u64>) -> Mutex<fastrand::Rng> {
    Mutex::new(seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed))
}

impl Default for RandomBackoff {
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        Self { backoff, seed: None, generator: generator(None) }
    }
}

impl RandomBackoff {
    pub(crate) fn seed(&mut self, seed: u64) {
        self.seed = Some(seed);
        self.generator = generator(self.seed);
    }

    /// The wait after attempt `number`, counted from 1.
    pub(crate) fn wait(&self, number: u32) -> Duration {
        self.backoff.wait(number, self.random())
    }

    /// The wait beyond what the server asked for, so that calls that got the same `Retry-After` do not retry
    /// at the same time. At most half of what the deadline leaves after the server's wait.
    pub(crate) fn retry_after_jitter(&self, asked: Duration, left: Option<Duration>) -> Duration {
        let random = self.backoff.jitter() * self.random();
        let extra_wait = RetryAfter::jitter(asked, random);
        left.map_or(extra_wait, |left| extra_wait.min(left.saturating_sub(asked) / 2))
    }

    fn random(&self) -> f64 {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}
