use std::time::Duration;

/// Exponential backoff: the wait doubles after each failure, from a base to a cap, and a part of it is
/// random.
///
/// It is a value without clock and generator: the caller passes a random number from 0 to 1.
///
/// ```
/// use std::time::Duration;
/// use martello_outcome::Backoff;
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
/// assert_eq!(backoff.ceiling(1), Duration::from_millis(100));
/// assert_eq!(backoff.ceiling(4), Duration::from_millis(800));
/// assert_eq!(backoff.ceiling(100), Duration::from_secs(10));
/// // Full jitter: from nothing to the ceiling.
/// assert_eq!(backoff.wait(4, 0.5), Duration::from_millis(400));
/// // Half jitter: from half of the ceiling to all of it.
/// assert_eq!(backoff.with_jitter(0.5).wait(4, 0.5), Duration::from_millis(600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
    jitter: f64,
}

impl Backoff {
    /// A backoff from `base` to `cap` with full jitter: see [“Exponential Backoff And
    /// Jitter”](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    #[must_use]
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap, jitter: 1.0 }
    }

    /// Sets which part of the wait is random, from 0 (none) to 1 (all of it, the default).
    #[must_use]
    pub const fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }

    /// The wait after the first failure, before jitter.
    #[must_use]
    pub const fn base(&self) -> Duration {
        self.base
    }

    /// The longest wait.
    #[must_use]
    pub const fn cap(&self) -> Duration {
        self.cap
    }

    /// Which part of the wait is random, from 0 to 1.
    #[must_use]
    pub const fn jitter(&self) -> f64 {
        self.jitter
    }

    /// The longest wait after this many failures in a row, counted from 1: the base, doubled for each failure
    /// after the first, and no more than the cap. Zero failures count as one.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// The wait after this many failures in a row: the [ceiling](Self::ceiling), shortened by up to its
    /// jitter. `random` is from 0 to 1; 1 is the shortest wait.
    #[must_use]
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        scaled(self.ceiling(failures), 1.0 - unit(self.jitter) * unit(random))
    }

    /// The wait after this many failures in a row: the [ceiling](Self::ceiling), shortened or lengthened by
    /// up to its jitter, so that it is the mean. `random` is from 0 to 1; 1 is the longest wait.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use martello_outcome::Backoff;
    /// let every = Backoff::new(Duration::from_secs(30), Duration::from_secs(120)).with_jitter(0.1);
    /// assert_eq!(every.wait_around(1, 0.0), Duration::from_secs(27));
    /// assert_eq!(every.wait_around(1, 0.5), Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn wait_around(&self, failures: u32, random: f64) -> Duration {
        scaled(self.ceiling(failures), 1.0 + unit(self.jitter) * (2.0 * unit(random) - 1.0))
    }
}

/// A number from 0 to 1. What is not a number counts as 0.
fn unit(number: f64) -> f64 {
    if number > 0.0 { number.min(1.0) } else { 0.0 }
}

/// As [`Duration::mul_f64`], without its panic where the product is too large.
fn scaled(wait: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(factor * wait.as_secs_f64()).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3_600));

    #[test]
    fn the_ceiling_doubles_from_the_base_to_the_cap() {
        let ceilings: Vec<_> = (0..=5).map(|failures| BACKOFF.ceiling(failures).as_secs()).collect();
        assert_eq!(ceilings, [1, 1, 2, 4, 8, 16]);
        assert_eq!(BACKOFF.ceiling(13), BACKOFF.cap());
        assert_eq!(BACKOFF.ceiling(u32::MAX), BACKOFF.cap());
        let forever = Backoff::new(Duration::MAX, Duration::MAX);
        assert_eq!(forever.ceiling(u32::MAX), Duration::MAX);
        assert_eq!(forever.wait_around(1, 1.0), Duration::MAX);
    }

    #[test]
    fn jitter_shortens_the_wait_by_its_part_at_most() {
        for (jitter, shortest) in [(1.0, 0), (0.5, 2_000), (0.0, 4_000)] {
            let backoff = BACKOFF.with_jitter(jitter);
            assert_eq!(backoff.wait(3, 0.0), Duration::from_secs(4));
            assert_eq!(backoff.wait(3, 1.0), Duration::from_millis(shortest));
        }
    }

    #[test]
    fn a_random_number_out_of_range_does_not_panic() {
        for random in [-1.0, 2.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(BACKOFF.wait(1, random) <= BACKOFF.base());
            assert!(BACKOFF.with_jitter(random).wait_around(1, random) <= 2 * BACKOFF.base());
        }
    }
}
