use std::{fmt, time::Duration};

/// Buckets per power of two: a quantile is exact to 1/32, about 3 %.
const PARTS: u64 = 32;
const PARTS_LOG: u32 = PARTS.ilog2();
/// One bucket for each value below 32 µs, and then up to 2^37 µs, 38 hours.
const BUCKETS: usize = 33 * 32;

/// A histogram of the latencies of a run, with a fixed size of 8 KiB.
///
/// A latency is the time from the call of the stack until the response was read. It includes waits for
/// permits and retries.
///
/// ```
/// # fn example(report: &martello_upsert::Report) {
/// let latency = report.latency();
/// println!("median {:?}, p99 {:?}, longest {:?}", latency.quantile(0.5), latency.quantile(0.99), latency.max());
/// # }
/// ```
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

    /// How many latencies were measured: one for each entity that was sent.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest latency.
    #[must_use]
    pub fn max(&self) -> Duration {
        self.longest
    }

    /// The latency within which this share of the entities ended, exact to 3 %: 0.5 is the median. A share
    /// below 0 counts as 0, and one above 1 as 1. Zero if none was measured.
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
        for (index, count) in (0..).zip(&self.buckets) {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper(index)).min(self.longest);
            }
        }
        self.longest
    }
}

/// The bucket of a latency: one for each value below 32 µs, then 32 for each power of two.
fn bucket(micros: u64) -> usize {
    let index = match micros {
        0..PARTS => micros,
        _ => {
            let power = micros.ilog2() - (PARTS_LOG - 1);
            u64::from(power) * PARTS + (micros >> (power - 1)) - PARTS
        }
    };
    usize::try_from(index).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The largest latency in a bucket, in microseconds.
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
            let index = bucket(micros);
            assert!(micros <= upper(index as u64), "{micros} in {index}");
            assert!(index == 0 || micros > upper(index as u64 - 1), "{micros} in {index}");
            assert!(last.is_none_or(|last| index == last || index == last + 1));
            last = Some(index);
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
