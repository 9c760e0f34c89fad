use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};

use crate::date;

/// The wait that a `Retry-After` header asks for (RFC 9110 §10.2.3): a number of seconds, or a date.
///
/// Servers also send forms that are not in the RFC. It accepts a number with a decimal fraction, which is
/// rounded up to whole seconds, and the dates that [`http_date`](crate::http_date) lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    after: Duration,
}

impl RetryAfter {
    /// Reads the `Retry-After` from the headers of a response; `now` is the time by the local clock.
    ///
    /// A date is compared with the `Date` of the response, so that a difference between the two clocks does
    /// not count, or with `now` if there is no `Date`. A date in the past is zero. A number that is too large
    /// is [`Duration::MAX`]. Of several lines, the longest wait counts. Invalid lines are ignored: a sign, an
    /// exponent, a unit, a date without a zone. A proxy may have replaced `Date`, so cap the wait: see
    /// [`capped_wait`](Self::capped_wait).
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use http::{HeaderMap, HeaderValue};
    /// use martello_outcome::RetryAfter;
    ///
    /// let headers = HeaderMap::from_iter([
    ///     (http::header::DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT")),
    ///     (http::header::RETRY_AFTER, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:47 GMT")),
    /// ]);
    /// let asked = RetryAfter::from_headers(&headers, SystemTime::now());
    /// assert_eq!(asked.map(RetryAfter::duration), Some(Duration::from_secs(10)));
    /// ```
    #[must_use]
    pub fn from_headers(headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let lines = headers.get_all(header::RETRY_AFTER);
        lines.iter().filter_map(|line| parse(line, headers, now)).max().map(|after| Self { after })
    }

    /// A random wait to add to a `Retry-After` of this length: up to half of it, and at most 10 s. It keeps
    /// clients with the same `Retry-After` from returning at the same time. `random` is from 0 to 1.
    ///
    /// ```
    /// use std::time::Duration;
    /// use martello_outcome::RetryAfter;
    ///
    /// assert_eq!(RetryAfter::jitter(Duration::from_secs(3), 0.5), Duration::from_millis(750));
    /// assert_eq!(RetryAfter::jitter(Duration::from_secs(3_600), 1.0), Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn jitter(asked: Duration, random: f64) -> Duration {
        let random = if (0.0..=1.0).contains(&random) { random } else { 1.0 };
        (asked / 2).min(Duration::from_secs(10)).mul_f64(random)
    }

    /// How long to wait for a `Retry-After` of this length: at most `cap`, and the [jitter](Self::jitter) of
    /// that beyond it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use martello_outcome::RetryAfter;
    /// let hour = Duration::from_secs(3_600);
    /// assert_eq!(RetryAfter::capped_wait(Duration::from_secs(2), hour, 0.5), Duration::from_millis(2_500));
    /// assert_eq!(RetryAfter::capped_wait(Duration::MAX, hour, 0.0), hour);
    /// ```
    #[must_use]
    pub fn capped_wait(asked: Duration, cap: Duration, random: f64) -> Duration {
        let asked = asked.min(cap);
        asked + Self::jitter(asked, random)
    }

    /// How long to wait, from the moment the response came.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.after
    }
}

fn parse(line: &HeaderValue, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = line.to_str().ok()?.trim();
    seconds(text).or_else(|| {
        let until = date::read(line)?;
        let now = date::http_date(headers).unwrap_or(now);
        Some(until.duration_since(now).unwrap_or(Duration::ZERO))
    })
}

/// A number of seconds. RFC 9110 allows whole numbers only, but some servers send a fraction, such as `1.5`.
/// It is rounded up, because a request that comes too early is refused again.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let up = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    // Only too many digits can fail here.
    let seconds = whole.parse::<u64>().ok().and_then(|whole| whole.checked_add(up));
    Some(seconds.map_or(Duration::MAX, Duration::from_secs))
}
