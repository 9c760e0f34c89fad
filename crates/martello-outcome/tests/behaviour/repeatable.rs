//! Which requests may be sent again.

use std::time::Duration;

use http::{Method, Request, request};
use martello_outcome::{CallOptions, Repeatable, RequestHead};

fn allows(repeatable: Repeatable, request: request::Builder) -> bool {
    repeatable.allows(RequestHead::from(&request.body(()).unwrap()))
}

fn post() -> request::Builder {
    Request::post("/orders")
}

#[test]
fn idempotent_methods_may_and_others_may_not() {
    let idempotent = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    for method in idempotent {
        assert!(allows(Repeatable::default(), Request::builder().method(&method)), "{method}");
    }
    for method in [Method::POST, Method::PATCH, Method::CONNECT, Method::from_bytes(b"PURGE").unwrap()] {
        assert!(!allows(Repeatable::default(), Request::builder().method(&method)), "{method}");
    }
}

#[test]
fn any_may_where_the_user_takes_all_to_be_idempotent() {
    assert!(allows(Repeatable::default().assume_idempotent(), post()));
}

#[test]
fn one_may_whose_own_options_say_so() {
    let options = CallOptions::new().assume_idempotent();
    assert!(allows(Repeatable::default(), post().extension(options)));
    assert!(!allows(Repeatable::default(), post().extension(CallOptions::new())));
}

#[test]
fn a_key_counts_only_for_a_server_that_honours_it() {
    let keyed = || post().header("Idempotency-Key", "\"8e03978e\"");
    assert!(!allows(Repeatable::default(), keyed()));
    let honours = Repeatable::default().honours_idempotency_key();
    assert!(allows(honours, keyed()));
    assert!(!allows(honours, post()));
    assert!(!allows(honours, post().header("Idempotency-Key", "")));
}

#[test]
fn options_are_read_from_a_request_as_they_were_put_there() {
    let options = CallOptions::new().without_retry().deadline(Duration::from_secs(5));
    let request = post().extension(options).body(()).unwrap();
    let read = CallOptions::of(request.extensions());
    assert_eq!(read, options);
    assert_eq!(
        (read.is_without_retry(), read.is_idempotent(), read.get_deadline()),
        (true, false, Some(Duration::from_secs(5)))
    );
    assert_eq!(CallOptions::of(&http::Extensions::new()), CallOptions::new());
}
