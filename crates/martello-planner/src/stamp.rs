//! Timestamps, as the API writes them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// A timestamp in whole milliseconds, the API's resolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub(crate) const fn millis(self) -> i64 {
        self.0
    }

    /// Drops what is below a millisecond.
    pub(crate) fn of(moment: SystemTime) -> Self {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match moment.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Self(millis(since)),
            Err(before) => Self(-millis(before.duration())),
        }
    }

    pub(crate) fn time(self) -> SystemTime {
        let time = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 { SystemTime::UNIX_EPOCH - time } else { SystemTime::UNIX_EPOCH + time }
    }

    /// RFC 3339 in UTC with three decimal places: `2024-11-29T10:00:00.000Z`.
    pub(crate) fn rfc3339(self) -> String {
        Timestamp::from_millisecond(self.0).map(|stamp| format!("{stamp:.3}")).unwrap_or_default()
    }

    /// Reads RFC 3339 with `Z` or an offset, and at most three decimal places: the API has no finer
    /// resolution.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let stamp: Timestamp = text.parse().ok()?;
        (stamp.subsec_nanosecond() % 1_000_000 == 0).then(|| Self(stamp.as_millisecond()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_and_read_to_the_millisecond() {
        for (millis, rfc3339) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_732_874_400_000, "2024-11-29T10:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (784_111_777_000, "1994-11-06T08:49:37.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            let stamp = Stamp::from_millis(millis);
            assert_eq!(stamp.rfc3339(), rfc3339);
            assert_eq!(Stamp::parse(rfc3339), Some(stamp));
            assert_eq!(Stamp::of(stamp.time()), stamp);
        }
    }

    #[test]
    fn a_timestamp_may_have_an_offset_but_not_miss_its_zone_or_be_finer_than_a_millisecond() {
        let at = Stamp::parse("2024-11-29T10:00:00Z");
        assert!(at.is_some());
        for same in ["2024-11-29T10:00:00.0Z", "2024-11-29T11:30:00+01:30", "2024-11-29t09:00:00.00-01:00"] {
            assert_eq!(Stamp::parse(same), at, "{same}");
        }
        for wrong in [
            "",
            "2024-11-29",
            "2024-11-29T10:00:00",
            "2024-13-29T10:00:00Z",
            "2024-11-29T10:00:00.0001Z",
            "now",
        ] {
            assert_eq!(Stamp::parse(wrong), None, "{wrong}");
        }
    }
}
