use std::time::{Duration, SystemTime};

use fastrand::Rng;

use super::Planning;

/// Plannings, each with the wait until it is listed. One in four has the timestamps of the previous one, one
/// in three is listed at its `released_at`, the others are late. Their creation times are random within the
/// hour before.
pub(crate) fn badly(
    seed: u64,
    now: SystemTime,
    prefix: &str,
    count: u32,
    within: Duration,
    lateness: Duration,
) -> Vec<(Duration, Planning)> {
    let mut random = Rng::with_seed(seed);
    let mut schedule: Vec<(Duration, Planning)> = Vec::new();
    for number in 0..count {
        let id = format!("{prefix}{number}");
        let visible = within.mul_f64(random.f64());
        let (stamp, created) = match schedule.last() {
            Some((_, before)) if random.u8(..4) == 0 => (before.released_at, before.created_at),
            _ => {
                let created = now - Duration::from_millis(random.u64(..3_600_000));
                (now + visible, created)
            }
        };
        let late = if random.u8(..3) == 0 { Duration::ZERO } else { lateness.mul_f64(random.f64()) };
        // Never before its `released_at`, and at most `lateness` after it.
        let due = stamp.duration_since(now).unwrap_or_default();
        schedule.push((due + late, Planning::new(id, created, stamp)));
    }
    schedule
}
