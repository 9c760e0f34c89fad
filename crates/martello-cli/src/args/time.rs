//! Parses times, durations and rates of the command line.

use std::{str::FromStr, time::Duration};

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// Parses a time, or an age relative to now.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    let ago = |age: Duration| Timestamp::now().checked_sub(age).ok();
    let time: Option<Timestamp> = text.parse().ok().or_else(|| duration(text).ok().and_then(ago));
    time.ok_or_else(|| {
        "expected an age such as 30m, 2h or 3d, or a time such as 2026-11-28T16:00Z".to_owned()
    })
}

/// Parses a duration; a day is 24 hours.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let span = text.parse::<Span>().ok();
    let length = |span: Span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok();
    let length: Option<SignedDuration> = span.and_then(length);
    length
        .and_then(|length| Duration::try_from(length).ok())
        .ok_or_else(|| "expected a duration such as 90s, 15m or 2h".to_owned())
}

/// A rate, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

impl Default for Rate {
    /// 10 per second, a small load for a server that has just recovered.
    fn default() -> Self {
        Self(10.0)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => f64::NAN,
        };
        let rate = number.trim().parse::<f64>().map(|number| number / seconds);
        let fits = |rate: &f64| (0.001..=10_000.0).contains(rate);
        rate.ok().filter(fits).map(Self).ok_or_else(|| {
            "expected a rate such as 10/s, 30/min or 500/h, from 0.001 to 10000 per second".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_an_age_or_a_timestamp() {
        let before = Timestamp::now();
        let day = moment("1d").unwrap() + Duration::from_secs(24 * 60 * 60);
        assert!(before <= day && day <= Timestamp::now());
        assert_eq!(moment("2026-11-28T16:00Z").unwrap().to_string(), "2026-11-28T16:00:00Z");
        for wrong in ["", "yesterday", "-2h", "2", "99999999999999d", "2026-11-28T16:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rejects_a_negative_duration() {
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(24 * 60 * 60)));
        for wrong in ["", "-1s", "1 month", "soon"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rejects_a_rate_out_of_range() {
        assert_eq!("10".parse(), Ok(Rate(10.0)));
        assert_eq!("10/s".parse(), Ok(Rate(10.0)));
        assert_eq!("30/min".parse(), Ok(Rate(0.5)));
        for wrong in ["", "0", "-1", "NaN", "1e9", "1/d", "1/y"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
