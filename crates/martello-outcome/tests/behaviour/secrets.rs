//! Nothing that is written for people shows what a header or a query holds, or breaks out of its line.

use http::Request;
use martello_outcome::{Attempt, Outcome, RequestHead};

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
