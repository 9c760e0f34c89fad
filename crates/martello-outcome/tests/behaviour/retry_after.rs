//! What a `Retry-After` asks for.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, header};
use martello_outcome::RetryAfter;
use proptest::prelude::*;

/// Sun, 06 Nov 1994 08:49:37 GMT
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
}

fn asked_at(now: SystemTime, date: Option<&[u8]>, lines: &[&[u8]]) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::RETRY_AFTER, HeaderValue::from_bytes(line).unwrap());
    }
    if let Some(date) = date {
        headers.insert(header::DATE, HeaderValue::from_bytes(date).unwrap());
    }
    RetryAfter::from_headers(&headers, now).map(RetryAfter::duration)
}

fn asked(lines: &[&str]) -> Option<Duration> {
    let lines: Vec<_> = lines.iter().map(|line| line.as_bytes()).collect();
    asked_at(now(), None, &lines)
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

#[test]
fn a_number_is_a_number_of_seconds() {
    assert_eq!(asked(&["120"]), seconds(120));
    assert_eq!(asked(&["0"]), seconds(0));
    assert_eq!(asked(&["007"]), seconds(7));
}

#[test]
fn a_number_too_large_to_count_asks_for_the_longest_time() {
    assert_eq!(asked(&["18446744073709551615"]), seconds(u64::MAX));
    assert_eq!(asked(&["99999999999999999999"]), Some(Duration::MAX));
    assert_eq!(asked(&["9".repeat(64 * 1024).as_str()]), Some(Duration::MAX));
}

#[test]
fn a_fraction_of_a_second_is_rounded_up() {
    assert_eq!(asked(&["1.5"]), seconds(2));
    assert_eq!(asked(&["0.001"]), seconds(1), "never earlier than asked");
    assert_eq!(asked(&["30.0"]), seconds(30));
    assert_eq!(asked(&["0.000"]), seconds(0));
    assert_eq!(asked(&["007.25"]), seconds(8));
    assert_eq!(asked(&["18446744073709551614.5"]), seconds(u64::MAX));
    assert_eq!(asked(&["18446744073709551615.5"]), Some(Duration::MAX));
    assert_eq!(asked(&[format!("{}.5", "9".repeat(1024)).as_str()]), Some(Duration::MAX));
    assert_eq!(asked(&[format!("1.{}", "0".repeat(1024)).as_str()]), seconds(1));
}

#[test]
fn each_of_the_three_forms_of_a_date_is_measured_against_now() {
    let forms =
        ["Sun, 06 Nov 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:50:37 GMT", "Sun Nov  6 08:50:37 1994"];
    for form in forms {
        assert_eq!(asked(&[form]), seconds(60), "{form}");
    }
}

#[test]
fn a_date_as_servers_write_it_counts_too() {
    let forms = [
        "Sun, 6 Nov 1994 08:50:37 GMT",
        "06 Nov 1994 08:50:37 GMT",
        "Mon, 06 Nov 1994 08:50:37 GMT",
        "sun, 06 nov 1994 08:50:37 gmt",
        "Sun, 06 Nov 1994 08:50:37 UTC",
        "Sun, 06 Nov 1994 08:50:37 UT",
        "Sun, 06 Nov 1994 08:50:37 Z",
        "Sun, 06 Nov 1994 08:50:37 +0000",
        "Sun, 06 Nov 1994 09:50:37 +0100",
        "Sun, 6 Nov 1994 00:50:37 -0800",
        "1994-11-06T08:50:37Z",
        "1994-11-06T08:50:37.000Z",
        "1994-11-06T08:50:37+00:00",
        "1994-11-06T10:50:37+02:00",
        "1994-11-06 08:50:37Z",
        "Sun, 06-Nov-1994 08:50:37 GMT",
    ];
    for form in forms {
        assert_eq!(asked(&[form]), seconds(60), "{form}");
        assert_eq!(asked_at(SystemTime::UNIX_EPOCH, Some(form.as_bytes()), &[form.as_bytes()]), seconds(0));
    }
    assert_eq!(asked(&["1994-11-06T08:49:37.25Z"]), Some(Duration::from_millis(250)));
}

/// Its zone is unknown; UTC would be a guess.
#[test]
fn a_date_without_a_zone_that_is_known_is_ignored() {
    let dates = [
        "Sun, 06 Nov 1994 08:50:37",
        "Sun, 06 Nov 1994 08:50:37 CET",
        "Sun, 06 Nov 1994 08:50:37 CET (UTC +0100)",
        "6 Nov 1994 08:50:37 XYZ (a +)",
        "1994-11-06T08:50:37",
    ];
    for date in dates {
        assert_eq!(asked(&[date]), None, "{date}");
        assert_eq!(asked_at(now(), Some(date.as_bytes()), &[b"Sun, 06 Nov 1994 08:49:47 GMT"]), seconds(10));
    }
}

#[test]
fn a_past_date_asks_for_no_time_at_all() {
    assert_eq!(asked(&["Sun, 06 Nov 1994 08:49:36 GMT"]), seconds(0));
    assert_eq!(asked(&["Thu, 01 Jan 1970 00:00:00 GMT"]), seconds(0));
}

#[test]
fn a_date_is_measured_against_the_responses_own_date() {
    let an_hour_slow = Some(&b"Sun, 06 Nov 1994 07:49:37 GMT"[..]);
    let until = b"Sun, 06 Nov 1994 07:49:47 GMT";
    assert_eq!(asked_at(now(), an_hour_slow, &[until]), seconds(10));
    assert_eq!(asked_at(now(), Some(b"yesterday"), &[until]), seconds(0), "no date: against now");
    assert_eq!(asked_at(now(), an_hour_slow, &[b"10"]), seconds(10), "a number needs no clock");
}

#[test]
fn garbage_is_ignored() {
    let garbage = [
        "",
        "-1",
        "-0",
        "+1",
        "+1.5",
        "-1.5",
        "1e3",
        "1.5e3",
        "0x10",
        "10s",
        "1.5s",
        "1 2",
        "1,2",
        "1,5",
        "1\t1",
        ".",
        ".5",
        "1.",
        "1..5",
        "1.5.5",
        "1_000",
        "NaN",
        "inf",
        "soon",
        "Sun, 06 Nov 1994",
        "1994-11-06",
        "Sun, 31 Feb 1994 08:50:37 GMT",
        "1994-11-06T25:50:37Z",
        "-000001-01-01T00:00:00Z",
    ];
    for line in garbage {
        assert_eq!(asked(&[line]), None, "{line:?}");
        assert_eq!(asked(&[line, "5"]), seconds(5), "{line:?} beside a number");
    }
    assert_eq!(asked_at(now(), None, &[b"\xff\xfe"]), None);
    assert_eq!(asked(&[]), None);
}

#[test]
fn of_several_lines_the_one_that_asks_for_most_counts() {
    assert_eq!(asked(&["5", "120", "60"]), seconds(120));
    assert_eq!(asked(&["5", "Sun, 06 Nov 1994 08:49:47 GMT"]), seconds(10));
}

fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let anything = prop::collection::vec(any::<u8>().prop_filter("a byte of a value", is_of_a_value), 0..64);
    let like_a_date =
        "[A-Z][a-z]{2,8},? [ 0-9]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2}( GMT)?";
    let date = "(Mon|Tue|Sun), [0-3][0-9] (Jan|Feb|Dec) [0-9]{4} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] GMT";
    prop_oneof![
        anything,
        like_a_date.prop_map(String::into_bytes),
        date.prop_map(String::into_bytes),
        "[0-9]{1,30}".prop_map(String::into_bytes),
        "[+-]?[0-9]{0,30}[.eE]?[0-9]{0,30}".prop_map(String::into_bytes),
        "[+-]?[0-9]{4,6}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,12})?(Z|[+-][0-9]{2}:?[0-9]{2})?"
            .prop_map(String::into_bytes),
        "([A-Z][a-z]{2}, ?)?[0-3]?[0-9] (Jan|Feb|Dec) [0-9]{2,4} [0-2][0-9]:[0-6][0-9](:[0-6][0-9])? ([A-Z]{1,4}|[+-][0-9]{4})"
            .prop_map(String::into_bytes),
    ]
}

fn is_of_a_value(byte: &u8) -> bool {
    HeaderValue::from_bytes(&[*byte]).is_ok()
}

proptest! {
    #[test]
    fn no_headers_make_it_panic(line in header_bytes(), date in header_bytes(), now in any::<u32>()) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.into());
        let _ = asked_at(now, Some(&date), &[&line]);
    }

    #[test]
    fn every_number_is_exact(number in any::<u64>()) {
        prop_assert_eq!(asked(&[&number.to_string()]), seconds(number));
    }

    #[test]
    fn a_fraction_is_never_rounded_down(whole in 0..u64::MAX, fraction in "[0-9]{1,20}") {
        let up = u64::from(fraction.bytes().any(|digit| digit != b'0'));
        prop_assert_eq!(asked(&[&format!("{whole}.{fraction}")]), seconds(whole + up));
    }

    #[test]
    fn a_date_after_now_is_exact(ahead in 0..4_000_000_000_u64) {
        let until = httpdate::fmt_http_date(now() + Duration::from_secs(ahead));
        prop_assert_eq!(asked(&[&until]), seconds(ahead));
    }
}
