use std::time::Duration;

use jiff::Timestamp;

/// A duration in whole microseconds, or the longest that can be stored.
///
/// ```
/// # use std::time::Duration;
/// # use martello_outbox::engine::{duration, micros};
/// assert_eq!(micros(Duration::from_millis(2)), 2_000);
/// assert_eq!(duration(2_000), Duration::from_millis(2));
/// assert_eq!(micros(Duration::MAX), i64::MAX);
/// ```
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The duration of this many microseconds; zero if the number is negative.
#[must_use]
pub fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

/// The time this many microseconds after 1970, or [`Timestamp::MAX`].
#[must_use]
pub fn timestamp(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// The time `wait` after `start`, both in microseconds, or [`Timestamp::MAX`].
#[must_use]
pub fn later(start: i64, wait: Duration) -> i64 {
    start.saturating_add(micros(wait)).min(Timestamp::MAX.as_microsecond())
}

/// The first whole microsecond that is not before this time. Stored times are whole microseconds, so a filter
/// on them compares with this.
#[must_use]
pub fn ceil_micros(time: Timestamp) -> i64 {
    let micros = time.as_microsecond();
    let whole = Timestamp::from_microsecond(micros).is_ok_and(|floor| floor >= time);
    if whole { micros } else { micros.saturating_add(1) }
}
