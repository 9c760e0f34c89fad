use std::time::{Duration, SystemTime};

use fastrand::Rng;

use super::Planning;

/// Plannings, each with how long it is until it can be seen. One in four has the stamps of the one before, one in three
/// can be seen when it says, the others come late; and they are created within the hour before, in no order.
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
        // Never before what it says, and never later than is promised.
        let due = stamp.duration_since(now).unwrap_or_default();
        schedule.push((due + late, Planning::new(id, created, stamp)));
    }
    schedule
}
