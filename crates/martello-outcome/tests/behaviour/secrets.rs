//! Nothing that is written for people shows what a header or a query holds, or breaks out of its line.

use http::Request;
use martello_outcome::{Attempt, CallError, ConfigError, ErrorKind, ErrorText, Outcome, RequestHead};

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

/// Secrets in the texts of clients that quote the request.
const QUOTING: [&str; 9] = [
    "error sending request for url (https://me:s3cret@api.example/orders?key=s3cret&limit=5): connection closed",
    "GET /orders?key=s3cret: timed out",
    "Get \"https://api.example/a?s3cret\": EOF",
    "no route to https://s3cret@api.example",
    "<//me:s3cret@api.example/a@b> is not there",
    "url=https://api.example/cb#access_token=s3cret&state=s3cret, and http://h/?a=s3cret;b=s3cret.",
    "https://api.example?sig=s3cret)s3cret(s3cret",
    "redirected to orders?key=s3cret",
    "https://a.example/x?next=https://me:s3cret@b.example/?key=s3cret",
];

#[derive(Debug)]
struct Quoting(&'static str);

impl std::fmt::Display for Quoting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Quoting {}

fn fault(error: &(dyn std::error::Error + 'static)) -> String {
    let attempt = Attempt::new(1, std::time::SystemTime::UNIX_EPOCH, Outcome::Ambiguous);
    attempt.with_fault(error).fault.unwrap().into()
}

#[test]
fn the_fault_of_an_attempt_masks_the_urls_that_a_client_quotes() {
    for text in QUOTING {
        for shown in [fault(&Quoting(text)), fault(&CallError::from_source(Quoting(text)))] {
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
    let shown = fault(&Quoting(QUOTING[0]));
    let expected =
        "error sending request for url (https://***@api.example/orders?key=***&limit=***): connection closed";
    assert_eq!(shown, expected);
    assert_eq!(fault(&Quoting(QUOTING[1])), "GET /orders?key=***: timed out");
    // However long it is: what is masked is cut, not the secret first.
    let long = format!("https://api.example/?a={}&b=s3cret and so on", "x".repeat(1_000));
    let shown = fault(&Quoting(long.leak()));
    assert_eq!(shown, "https://api.example/?a=***&b=*** and so on");
}

#[test]
fn a_fault_without_secrets_is_as_it_was() {
    for text in [
        "is it there? yes: a=b; c=d",
        "/var/lib/orders.db is not there (os error 2)",
        "mail to me@api.example, or see https://api.example/teams/me@x",
        "100% of 5/7 // done #3",
        "why? key",
    ] {
        assert_eq!(fault(&Quoting(text)), text);
    }
}

#[test]
fn even_the_debug_of_an_error_masks_the_urls_in_its_source() {
    for text in QUOTING {
        let error = CallError::from_source(Quoting(text));
        let shown = format!("{error:?} {error:#?}");
        assert!(!shown.contains("s3cret") && shown.contains("Quoting"), "{shown}");
        let error = CallError::new(ErrorKind::Transport, Outcome::Unsent, text);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

/// Neither the text after the cut is read, nor the part that shows that it was a secret.
#[test]
fn userinfo_is_no_less_secret_where_a_long_text_is_cut() {
    for before in 16_340..16_400 {
        let long = format!("{} https://me:s3cret@api.example/", "x".repeat(before));
        let text = ErrorText::new(&std::io::Error::other(long)).to_string();
        assert!(!text.contains(":s"), "{}", text.trim_start_matches('x'));
    }
    let prose = "x".repeat(20_000);
    assert_eq!(ErrorText::new(&std::io::Error::other(prose)).to_string().len(), 16 * 1024);
}
