use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use martello_outcome::RetryAfter;

/// Exponential backoff with jitter, drawn anew for each wait from one generator that all clones of a layer
/// share: two generators cloned from one would draw the same waits, and their calls would come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    pub(crate) base: Duration,
    pub(crate) cap: Duration,
    /// How much of the wait is drawn by lot, from 0 to 1.
    pub(crate) jitter: f64,
    seed: Option<u64>,
    generator: Mutex<fastrand::Rng>,
}

/// A generator of its own, from the same seed if there is one.
impl Clone for Backoff {
    fn clone(&self) -> Self {
        Self { generator: generator(self.seed), ..*self }
    }
}

fn generator(seed: Option<u64>) -> Mutex<fastrand::Rng> {
    Mutex::new(seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed))
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
            jitter: 1.0,
            seed: None,
            generator: generator(None),
        }
    }
}

impl Backoff {
    pub(crate) fn seed(&mut self, seed: u64) {
        self.seed = Some(seed);
        self.generator = generator(self.seed);
    }

    /// The wait after attempt `number`, counted from 1.
    pub(crate) fn wait(&self, number: u32) -> Duration {
        let doublings = number.saturating_sub(1).min(31);
        let ceiling = self.base.saturating_mul(1 << doublings).min(self.cap);
        ceiling.mul_f64(1.0 - self.jitter * self.random())
    }

    /// What is waited beyond what the server asked for: calls that were told the same must not come back together. It
    /// takes at most half of what the deadline leaves after that.
    pub(crate) fn after(&self, asked: Duration, left: Option<Duration>) -> Duration {
        let jitter = RetryAfter::jitter(asked, self.jitter * self.random());
        left.map_or(jitter, |left| jitter.min(left.saturating_sub(asked) / 2))
    }

    fn random(&self) -> f64 {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}
