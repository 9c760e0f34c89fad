use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};
use jiff::{Timestamp, fmt::rfc2822};

/// The moment that the `Date` of a response with these headers names: the clock of whoever answered.
///
/// It reads the three forms of RFC 9110 §5.6.7, and what servers and proxies write in their place: RFC 5322, with a day of one
/// digit, without a weekday or with the wrong one, in `UTC`, `UT`, `Z` or an offset such as `+0100`; and RFC 3339. A date
/// without a zone, in another zone or before 1970 is `None`: a guess would be wrong by hours.
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
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) if is_in_a_known_zone(text) => rfc2822.parse_timestamp(text).ok()?,
        Err(_) => return None,
    };
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from(moment.as_duration()).ok()?)
}

/// RFC 5322 §4.3 has a zone that is unknown taken for UTC, and so does the parser.
fn is_in_a_known_zone(text: &str) -> bool {
    let zone = text.rsplit(' ').next().unwrap_or_default();
    zone.starts_with(['+', '-']) || ["GMT", "UTC", "UT", "Z"].iter().any(|utc| zone.eq_ignore_ascii_case(utc))
}
