use std::{fmt, time::Duration};

/// Parts of each power of two: a quantile is exact to one part in 32, about 3 %.
const PARTS: u64 = 32;
const PARTS_LOG: u32 = PARTS.ilog2();
/// Those below 32 µs one by one, and then up to 2^37 µs, 38 hours.
const BUCKETS: usize = 33 * 32;

/// How long entities took, in a histogram of fixed size: 8 KiB, whatever their number.
///
/// Measured from the handing over to the stack until its answer is read: permits, retries and the waits
/// between them included.
#[derive(Clone)]
pub struct Latency {
    buckets: Box<[u64]>,
    count: u64,
    longest: Duration,
}

impl Latency {
    pub(crate) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, longest: Duration::ZERO }
    }

    pub(crate) fn add(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get_mut(bucket(micros)) {
            *bucket += 1;
        }
        self.count += 1;
        self.longest = self.longest.max(latency);
    }

    /// How many were measured: those that were handed to the stack.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.longest
    }

    /// The latency within which this share of them ended, exact to 3 %: 0.5 is the median. What is not
    /// between 0 and 1 is taken for the nearer of the two. Zero if none was measured.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an estimate"
        )]
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (place, count) in (0..).zip(&self.buckets) {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper(place)).min(self.longest);
            }
        }
        self.longest
    }
}

/// The bucket of so many microseconds: below 32 one for each, then 32 for each power of two.
fn bucket(micros: u64) -> usize {
    let place = match micros {
        0..PARTS => micros,
        _ => {
            let power = micros.ilog2() - (PARTS_LOG - 1);
            u64::from(power) * PARTS + (micros >> (power - 1)) - PARTS
        }
    };
    usize::try_from(place).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The most microseconds that fall into a bucket.
fn upper(bucket: u64) -> u64 {
    match bucket / PARTS {
        0 => bucket,
        power => ((PARTS + bucket % PARTS + 1) << (power - 1)) - 1,
    }
}

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latency")
            .field("count", &self.count)
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.longest)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap_or_overlap() {
        let mut last = None;
        for micros in 0..200_000 {
            let place = bucket(micros);
            assert!(micros <= upper(place as u64), "{micros} in {place}");
            assert!(place == 0 || micros > upper(place as u64 - 1), "{micros} in {place}");
            assert!(last.is_none_or(|last| place == last || place == last + 1));
            last = Some(place);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn a_quantile_is_exact_to_three_percent() {
        let mut latency = Latency::new();
        assert_eq!(latency.quantile(0.5), Duration::ZERO);
        for millis in 1..=1_000 {
            latency.add(Duration::from_millis(millis));
        }
        for (share, exact) in [(0.0, 1.0), (0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0), (7.0, 1_000.0)] {
            let millis = latency.quantile(share).as_secs_f64() * 1e3;
            assert!((exact..=exact * 1.035).contains(&millis), "{share}: {millis}");
        }
        assert_eq!((latency.count(), latency.max()), (1_000, Duration::from_secs(1)));
    }
}
