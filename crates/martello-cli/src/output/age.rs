use std::{fmt, time::Duration};

use jiff::Timestamp;

/// Displays a time in UTC with milliseconds.
pub(crate) struct Time(pub(crate) Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

/// The time since `moment`, as [`span`]; `0s` if it is in the future.
pub(crate) fn age(moment: Timestamp) -> String {
    let ago = Timestamp::now().duration_since(moment);
    span(Duration::try_from(ago).unwrap_or_default())
}

/// A duration in its largest unit, rounded down, such as `7m`.
pub(crate) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
