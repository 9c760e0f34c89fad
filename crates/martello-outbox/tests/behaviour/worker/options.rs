//! The bounds of the worker's options.

use std::time::Duration;

use martello_outbox::{WorkerOptions, WorkerOptionsBuilder};

use crate::support::{options, seconds};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn is_valid(options: WorkerOptionsBuilder) -> bool {
    options.build().is_ok()
}

#[track_caller]
fn refused(options: WorkerOptionsBuilder, expected: &str) {
    let error = options.build().unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn retention_is_up_to_ten_years() {
    let kept = |time| options().retention(time);
    for days in [0, 1, 365, 10 * 365, 10 * 365 + 3] {
        assert!(is_valid(kept(DAY * days)), "{days} days");
    }
    for time in [DAY * 11 * 365, DAY * 100_000, Duration::MAX] {
        refused(kept(time), "up to ten years");
    }
}

#[test]
fn durations_have_bounds() {
    let lease = |time| options().lease(time).attempt_timeout(MILLISECOND);
    let timeout = |time| options().lease(seconds(10)).attempt_timeout(time);
    let base = |time| options().backoff(time, DAY);
    let cap = |time| options().backoff(seconds(10), time);
    let grace = |time| options().grace(time);
    let poll = |time| options().poll_every(time);
    type Of = fn(Duration) -> WorkerOptionsBuilder;
    let bounds: [(Of, Duration, Duration, &str); 6] = [
        (lease, seconds(1), HOUR, "1 s to 1 h"),
        (timeout, MILLISECOND, Duration::from_millis(9_999), "less than `lease`"),
        (base, MILLISECOND, HOUR, "1 ms to 1 h"),
        (cap, seconds(10), DAY, "from the base to 24 h"),
        (grace, Duration::ZERO, HOUR, "up to 1 h"),
        (poll, Duration::from_millis(100), seconds(60), "100 ms to 60 s"),
    ];
    for (of, least, most, expected) in bounds {
        assert!(is_valid(of(least)) && is_valid(of(most)), "{expected}");
        refused(of(most + Duration::from_nanos(1_000_001)), expected);
        if let Some(less) = least.checked_sub(Duration::from_nanos(1)) {
            refused(of(less), expected);
        }
    }
}

#[test]
fn hold_after_is_1_to_1000() {
    for failures in [1, 1_000] {
        assert!(is_valid(options().hold_after(failures)));
    }
    for failures in [0, 1_001] {
        refused(options().hold_after(failures), "1 to 1,000");
    }
}

#[test]
fn a_name_is_1_to_128_bytes_without_control_characters() {
    for name in ["a", "host-1 \u{e9}", &"x".repeat(128)] {
        assert!(is_valid(options().name(name)), "{name:?}");
    }
    for name in ["", "a\nb", &"x".repeat(129)] {
        refused(options().name(name), "1 to 128 bytes without control characters");
    }
}

#[test]
fn the_defaults_are_within_the_bounds() {
    assert!(is_valid(WorkerOptions::builder()));
}
