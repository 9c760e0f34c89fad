//! Nothing that is written for people shows what a header or a query holds, or breaks out of its line.

use http::Request;
use martello_outcome::{Attempt, CallError, ConfigError, ErrorKind, Outcome, RequestHead};

#[test]
fn the_head_of_a_request_shows_neither_header_values_nor_query_nor_userinfo() {
    let request = Request::put("https://user:s3cret@api.example/orders/1?token=s3cret")
        .header("authorization", "Bearer s3cret")
        .header("x-api-key", "s3cret")
        .body(())
        .unwrap();
    let shown = format!("{:?} {0:#?}", RequestHead::from(&request));
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(shown.contains("PUT") && shown.contains("api.example") && shown.contains("/orders/1"), "{shown}");
    assert!(shown.contains("authorization"), "{shown}");
}

#[test]
fn the_fault_of_an_attempt_stays_on_one_line() {
    let error = std::io::Error::other("first\r\n200 OK\u{1b}[2Jsecond\u{85}");
    let attempt = Attempt::new(1, std::time::SystemTime::UNIX_EPOCH, Outcome::Ambiguous).with_fault(&error);
    assert_eq!(attempt.fault.as_deref(), Some("first  200 OK [2Jsecond "));
}

/// What steers a terminal: an escape, C1's own, a turn of direction, a line of Unicode's, what is not seen.
const STEERS: &str =
    "a\u{1b}]52;c;Zm9v\u{7}b\u{9b}2Jc\u{202e}d\u{2066}e\u{200f}f\u{61c}g\u{2028}h\u{200b}i\u{7f}j\u{e0041}k";

#[test]
fn the_fault_of_an_attempt_does_not_steer_a_terminal() {
    let error = std::io::Error::other(STEERS);
    let attempt = Attempt::new(1, std::time::SystemTime::UNIX_EPOCH, Outcome::Ambiguous).with_fault(&error);
    assert_eq!(attempt.fault.as_deref(), Some("a ]52;c;Zm9v b 2Jc d e f g h i j k"));
}

#[test]
fn errors_do_not_steer_a_terminal() {
    let shown = CallError::new(ErrorKind::Transport, Outcome::Unsent, STEERS).to_string();
    assert!(
        shown.starts_with("a\\u{1b}]52;c;Zm9v\\u{7}b\\u{9b}2Jc\\u{202e}d\\u{2066}e\\u{200f}f\\u{61c}g"),
        "{shown}"
    );
    assert!(shown.ends_with("g\\u{2028}h\\u{200b}i\\u{7f}j\\u{e0041}k"), "{shown}");
    let shown = ConfigError::new("name", STEERS, "another").to_string();
    assert!(shown.starts_with("`name` is a\\u{1b}]52"), "{shown}");
}
