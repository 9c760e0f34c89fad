//! The one error of every layer.

use std::{error::Error, io, time::SystemTime};

use http::StatusCode;
use martello_outcome::{Attempt, Attempts, BoxError, CallError, ErrorKind, Outcome};

fn attempts() -> Attempts {
    let mut first = Attempt::new(1, SystemTime::UNIX_EPOCH, Outcome::Unavailable);
    first.status = Some(StatusCode::SERVICE_UNAVAILABLE);
    let second = Attempt::new(2, SystemTime::UNIX_EPOCH, Outcome::Ambiguous);
    Attempts::from(vec![first, second])
}

fn full() -> CallError {
    CallError::new(ErrorKind::LimitFull, Outcome::Unsent, "the limit is full")
}

#[test]
fn a_call_error_stays_as_it_is_boxed_or_not() {
    let with = |error: CallError| error.with_attempts(attempts());
    let handed_on = [
        CallError::from_source(with(full())),
        CallError::from_source(BoxError::from(with(full()))),
        CallError::from_source(Box::new(with(full()))),
    ];
    for error in handed_on {
        assert_eq!(error.kind(), ErrorKind::LimitFull);
        assert_eq!(error.attempts().len(), 2);
        assert!(error.source().is_none());
    }
}

#[test]
fn another_error_becomes_the_source_of_a_transport_error() {
    let error = CallError::from_source(io::Error::from(io::ErrorKind::ConnectionReset));
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Ambiguous));
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionReset);
    let expected = "the request failed on its way, and the server may have processed it";
    assert_eq!(error.to_string(), expected);

    let error = CallError::from_source(io::Error::from(io::ErrorKind::ConnectionRefused));
    assert_eq!(error.outcome(), Outcome::Unsent);
    assert_eq!(error.to_string(), "the request could not be sent");
}

#[test]
fn a_text_will_do_as_the_error_of_a_users_layer() {
    let error = CallError::from_source("no credentials");
    assert_eq!(error.outcome(), Outcome::Ambiguous);
    assert_eq!(error.source().unwrap().to_string(), "no credentials");
}

#[test]
fn an_outer_layer_reports_in_one_line_that_nothing_was_sent() {
    let error = CallError::unsent(ErrorKind::Transport, "no credentials");
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert_eq!(error.source().unwrap().to_string(), "no credentials");
    assert_eq!(error.to_string(), "the request was not sent");
    let handed_on = CallError::from_source(BoxError::from(error));
    assert_eq!((handed_on.kind(), handed_on.outcome()), (ErrorKind::Transport, Outcome::Unsent));

    let never = CallError::unsent(ErrorKind::Unsendable, "no signature without a body");
    assert_eq!((never.kind(), never.outcome()), (ErrorKind::Unsendable, Outcome::Unsent));
}

#[test]
fn a_call_is_untried_if_its_client_was_not_called_and_no_attempt_reached_the_server() {
    let unsent = || CallError::unsent(ErrorKind::Transport, "no credentials");
    let handed_on = [
        unsent(),
        CallError::unsent(ErrorKind::Unsendable, "no signature"),
        CallError::from_source(BoxError::from(unsent())),
        CallError::from_readiness(Box::new(unsent())),
        CallError::from_body(BoxError::from(unsent())),
    ];
    assert!(handed_on.iter().all(CallError::is_untried), "{handed_on:?}");
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let others = [CallError::from_source(refused), full(), full().with_source(unsent())];
    assert!(!others.iter().any(CallError::is_untried), "{others:?}");

    let attempt = |outcome| Attempt::new(1, SystemTime::UNIX_EPOCH, outcome);
    for (earlier, untried) in [
        (Outcome::Unsent, true),
        (Outcome::Unavailable, false),
        (Outcome::Ambiguous, false),
        (Outcome::Rejected, false),
    ] {
        let attempts = Attempts::from(vec![attempt(earlier), attempt(Outcome::Unsent)]);
        assert_eq!(unsent().with_attempts(attempts).is_untried(), untried, "after one that was {earlier}");
    }
}

/// The exchange for a token has its own attempts, and its result is no evidence about the request.
#[test]
fn what_another_exchange_ended_with_is_only_the_source_of_what_was_not_sent() {
    let of_the_token = full().with_attempts(attempts());
    assert_eq!(of_the_token.outcome(), Outcome::Ambiguous);
    let error = CallError::unsent(ErrorKind::Transport, of_the_token);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Transport, Outcome::Unsent));
    assert_eq!((error.attempts().len(), error.last_status()), (0, None));
    assert!(error.source().unwrap().is::<CallError>());
}

#[test]
fn a_body_that_failed_is_ambiguous_whatever_its_error() {
    let error = CallError::from_body(io::Error::from(io::ErrorKind::ConnectionRefused));
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Body, Outcome::Ambiguous));
    assert!(error.source().unwrap().is::<io::Error>());
    assert_eq!(CallError::from_body(Box::new(full())).kind(), ErrorKind::LimitFull);
}

#[test]
fn attempts_set_the_outcome_and_the_last_status() {
    let error = full().with_attempts(attempts());
    assert_eq!(error.outcome(), Outcome::Ambiguous);
    assert_eq!(error.last_status(), Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(error.to_string(), "the limit is full, after 2 attempts, last status 503");
}

#[test]
fn no_attempts_leave_the_outcome_and_the_last_status_as_they_were() {
    let error = full().with_last_status(StatusCode::BAD_GATEWAY).with_attempts(Attempts::default());
    assert_eq!(error.outcome(), Outcome::Unsent);
    assert_eq!(error.last_status(), Some(StatusCode::BAD_GATEWAY));
    assert_eq!(error.to_string(), "the limit is full, last status 502");
}

#[test]
fn one_attempt_is_not_counted_in_the_text() {
    let one = Attempts::from(vec![Attempt::new(1, SystemTime::UNIX_EPOCH, Outcome::Unsent)]);
    assert_eq!(full().with_attempts(one).to_string(), "the limit is full");
}

#[test]
fn a_source_is_not_repeated_in_the_text() {
    let error = full().with_source("sixty bodies are unread");
    assert_eq!(error.to_string(), "the limit is full");
    assert_eq!(error.source().unwrap().to_string(), "sixty bodies are unread");
}

/// It is what `unwrap` and `?` in `main` show.
#[test]
fn its_debug_text_has_kind_outcome_status_attempts_and_source() {
    let shown = format!("{:?}", full().with_attempts(attempts()).with_source("sixty bodies are unread"));
    for part in [
        "CallError { kind: LimitFull, outcome: Ambiguous, message: \"the limit is full\"",
        "last_status: Some(503), attempts: Attempts(Some([Attempt { number: 1,",
        "outcome: Unavailable, status: Some(503)",
        "Attempt { number: 2,",
        "source: Some(\"sixty bodies are unread\")",
    ] {
        assert!(shown.contains(part), "no {part} in {shown}");
    }
    let shown = format!("{:?}", full());
    let expected = "last_status: None, attempts: Attempts(None), source: None }";
    assert!(shown.ends_with(expected), "{shown}");
}

#[test]
fn a_kind_has_a_name_for_logs_and_metrics() {
    let kinds = [ErrorKind::Transport, ErrorKind::AttemptTimeout, ErrorKind::Deadline, ErrorKind::LimitFull];
    assert_eq!(kinds.map(ErrorKind::as_str), ["transport", "attempt_timeout", "deadline", "limit_full"]);
    let kinds = [ErrorKind::LimitWaitTimeout, ErrorKind::Budget, ErrorKind::Body, ErrorKind::Unsendable];
    assert_eq!(kinds.map(ErrorKind::as_str), ["limit_wait_timeout", "budget", "body", "unsendable"]);
}
