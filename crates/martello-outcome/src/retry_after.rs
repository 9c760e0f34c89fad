use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};

/// What a `Retry-After` header asks for (RFC 9110 §10.2.3): a number of seconds, or a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter {
    after: Duration,
}

impl RetryAfter {
    /// Reads the `Retry-After` of a response's headers; `now` is this machine's clock.
    ///
    /// A date is measured against the response's own `Date` where there is one, so that a difference between
    /// the two clocks does not count, and against `now` otherwise; a date in the past asks for zero. A number
    /// too large to count asks for [`Duration::MAX`]. Of several lines the one that asks for most counts, and a
    /// line that is neither form is ignored. A proxy may have replaced `Date`: whoever waits needs a cap all
    /// the same.
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

    /// What to wait at random beyond a `Retry-After` of this length: up to half of it, and at most 10 s. Whoever was told
    /// the same time would otherwise come back at the same time. `random` is from 0 to 1.
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

    /// How long to wait, from the moment the response came.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.after
    }
}

fn parse(line: &HeaderValue, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let line = line.to_str().ok()?.trim();
    if line.is_empty() {
        return None;
    }
    if line.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only too many digits can fail here.
        return Some(line.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(line).ok()?;
    let now = headers.get(header::DATE).and_then(date_of).unwrap_or(now);
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

fn date_of(line: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(line.to_str().ok()?).ok()
}
