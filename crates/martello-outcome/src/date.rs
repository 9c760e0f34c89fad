use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};
use jiff::{
    Timestamp,
    fmt::{rfc2822, strtime},
    tz::TimeZone,
};

/// The date form of old cookies, which some servers still send.
const WITH_DASHES: &str = "%a, %d-%b-%Y %H:%M:%S GMT";

/// Reads the `Date` header of a response: the time by the server's clock.
///
/// It accepts the three forms of RFC 9110 §5.6.7, and the forms that servers and proxies send in their place:
/// RFC 5322, with a day of one digit, without a weekday or with the wrong one, in `UTC`, `UT`, `Z` or an
/// offset such as `+0100`; RFC 3339; and the form of old cookies, `Sun, 06-Nov-1994 08:49:37 GMT`. A date
/// without a zone, in another zone, with a comment or before 1970 is `None`, because a guess could be wrong
/// by hours.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::{HeaderMap, HeaderValue, header};
///
/// let moment = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777));
/// for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "6 Nov 1994 09:49:37 +0100", "1994-11-06T08:49:37Z"] {
///     let headers = HeaderMap::from_iter([(header::DATE, HeaderValue::from_static(date))]);
///     assert_eq!(martello_outcome::http_date(&headers), moment);
/// }
/// ```
#[must_use]
pub fn http_date(headers: &HeaderMap) -> Option<SystemTime> {
    read(headers.get(header::DATE)?)
}

/// The date in this header value.
pub(crate) fn read(value: &HeaderValue) -> Option<SystemTime> {
    let text = value.to_str().ok()?.trim();
    httpdate::parse_http_date(text).ok().or_else(|| read_leniently(text))
}

fn read_leniently(text: &str) -> Option<SystemTime> {
    let rfc2822 = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let rfc5322 = || rfc2822.parse_timestamp(text).ok().filter(|_| is_in_a_known_zone(text));
    let moment = text.parse::<Timestamp>().ok().or_else(rfc5322).or_else(|| with_dashes(text))?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from(moment.as_duration()).ok()?)
}

fn with_dashes(text: &str) -> Option<Timestamp> {
    let utc = strtime::parse(WITH_DASHES, text).ok()?.to_datetime().ok()?;
    TimeZone::UTC.to_timestamp(utc).ok()
}

/// The parser follows RFC 5322 §4.3 and takes an unknown zone for UTC.
fn is_in_a_known_zone(text: &str) -> bool {
    // A comment may contain something that looks like a zone.
    let zone = text.rsplit(' ').next().filter(|_| !text.contains('(')).unwrap_or_default();
    zone.starts_with(['+', '-']) || ["GMT", "UTC", "UT", "Z"].iter().any(|utc| zone.eq_ignore_ascii_case(utc))
}
