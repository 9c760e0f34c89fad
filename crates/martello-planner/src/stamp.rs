//! Moments, as the API writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: i64 = 24 * 60 * 60 * 1_000;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// 1970 began with the last of these.
const WEEKDAYS: [&str; 7] = ["Fri", "Sat", "Sun", "Mon", "Tue", "Wed", "Thu"];

/// A moment, to the millisecond, which is what the API tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub(crate) const fn millis(self) -> i64 {
        self.0
    }

    pub(crate) fn of(moment: SystemTime) -> Self {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        match moment.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(millis(since)),
            Err(before) => Self(-millis(before.duration())),
        }
    }

    pub(crate) fn time(self) -> SystemTime {
        let time = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 { UNIX_EPOCH - time } else { UNIX_EPOCH + time }
    }

    /// As RFC 3339 has it, in UTC and with three places: `2024-11-29T10:00:00.000Z`.
    pub(crate) fn rfc3339(self) -> String {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let (hour, minute, second, milli) = time(self.0);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }

    /// As RFC 9110 §5.6.7 has it: `Fri, 29 Nov 2024 10:00:00 GMT`.
    pub(crate) fn http_date(self) -> String {
        let days = self.0.div_euclid(DAY);
        let (year, month, day) = date(days);
        let (hour, minute, second, _) = time(self.0);
        let weekday = pick(&WEEKDAYS, (days - 1).rem_euclid(7));
        let month = pick(&MONTHS, month - 1);
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// Reads RFC 3339 with `Z` or an offset, and at most three places of the second: more would say what cannot be told apart.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (day, rest) = text.split_at_checked(10)?;
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let (clock, rest) = rest.split_at_checked(8)?;
        let (places, zone) = rest.split_at(rest.find(['Z', 'z', '+', '-'])?);
        let millis = fraction(places)?;
        let [year, month, date] = numbers(day, '-')?;
        let [hour, minute, second] = numbers(clock, ':')?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&date) || hour > 23 || minute > 59 || second > 60
        {
            return None;
        }
        let seconds = (hour * 60 + minute) * 60 + second - offset(zone)?;
        Some(Self(days(year, month, date) * DAY + seconds * 1_000 + millis))
    }
}

fn pick(names: &[&'static str], place: i64) -> &'static str {
    usize::try_from(place).ok().and_then(|place| names.get(place)).copied().unwrap_or_default()
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut numbers = text.split(between).map(|part| part.parse::<u16>().ok().map(i64::from));
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

fn fraction(places: &str) -> Option<i64> {
    let Some(digits) = places.strip_prefix('.') else { return places.is_empty().then_some(0) };
    let scale = [100, 10, 1].get(digits.len().checked_sub(1)?)?;
    digits.parse::<u16>().ok().map(|digits| i64::from(digits) * scale)
}

/// Seconds east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let east = if zone.starts_with('+') { 1 } else { -1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    Some(east * (i64::from(hours) * 60 + i64::from(minutes)) * 60)
}

fn time(millis: i64) -> (i64, i64, i64, i64) {
    let millis = millis.rem_euclid(DAY);
    let seconds = millis / 1_000;
    (seconds / 3_600, seconds / 60 % 60, seconds % 60, millis % 1_000)
}

/// Year, month and day of the day that is so many after 1970 began, by the proleptic Gregorian calendar. Years begin in March
/// here, so that the leap day is their last, and come in eras of 400.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The other way round.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_both_ways() {
        for (millis, rfc3339, http) in [
            (0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_732_874_400_000, "2024-11-29T10:00:00.000Z", "Fri, 29 Nov 2024 10:00:00 GMT"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z", "Thu, 29 Feb 2024 23:59:59 GMT"),
            (784_111_777_000, "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"),
            (-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"),
        ] {
            let stamp = Stamp::from_millis(millis);
            assert_eq!((stamp.rfc3339().as_str(), stamp.http_date().as_str()), (rfc3339, http));
            assert_eq!(Stamp::parse(rfc3339), Some(stamp));
        }
    }

    #[test]
    fn a_moment_is_read_with_an_offset_and_nothing_else_is_read() {
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
            "2024-11-29T10:00:00.0000Z",
            "now",
        ] {
            assert_eq!(Stamp::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_day_comes_back() {
        assert!((-800_000..800_000).all(|day| {
            let (year, month, date) = date(day);
            days(year, month, date) == day
        }));
    }
}
