//! The outcome of each status.

use http::StatusCode;
use martello_outcome::{Classifier, Outcome};

fn all() -> impl Iterator<Item = StatusCode> {
    (100..=999).map(|code| StatusCode::from_u16(code).unwrap())
}

#[test]
fn every_status_has_the_outcome_of_the_table() {
    for status in all() {
        let expected = match status.as_u16() {
            100..=399 => Outcome::Success,
            503 | 504 => Outcome::Unavailable,
            401 | 407 | 408 | 425 | 429 => Outcome::Faulty,
            400..=499 | 501 | 505 => Outcome::Rejected,
            _ => Outcome::Faulty,
        };
        assert_eq!(Classifier::default().status(status), expected, "{status}");
    }
}

#[test]
fn exactly_the_users_list_is_unavailable() {
    let list = [400, 429, 463, 464, 501, 502, 527, 528, 599];
    let classifier = Classifier::unavailable(list).unwrap();
    for status in all() {
        let outcome = classifier.status(status);
        let listed = list.contains(&status.as_u16());
        assert_eq!(outcome == Outcome::Unavailable, listed, "{status} is {outcome}");
    }
    assert_eq!(classifier.status(StatusCode::SERVICE_UNAVAILABLE), Outcome::Faulty);
}

#[test]
fn the_list_that_is_the_default_is_the_default() {
    let classifier = Classifier::unavailable([504, 503, 503]).unwrap();
    assert_eq!(classifier, Classifier::default());
    assert_eq!(format!("{classifier:?}"), "Classifier {503, 504}");
}

#[test]
fn an_empty_list_and_a_number_that_is_no_error_status_are_refused() {
    let empty = Classifier::unavailable([]).unwrap_err();
    assert_eq!(empty.to_string(), "`unavailable` is empty, but must be at least one status");
    for status in [0, 200, 399, 600, 999, u16::MAX] {
        let error = Classifier::unavailable([503, status]).unwrap_err();
        assert_eq!(error.field(), "unavailable");
        let expected = format!("`unavailable` is {status}, but must be statuses from 400 to 599");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn only_success_is_a_success() {
    for outcome in Outcome::ALL {
        assert_eq!(outcome.is_success(), *outcome == Outcome::Success, "{outcome}");
    }
    for status in all() {
        let success = Classifier::default().status(status).is_success();
        assert_eq!(success, status.as_u16() < 400, "{status}");
    }
}

#[test]
fn an_outcome_is_written_and_read_as_its_name() {
    let outcomes = [Outcome::Success, Outcome::Unavailable, Outcome::Faulty].into_iter().chain([
        Outcome::Rejected,
        Outcome::Unsent,
        Outcome::Ambiguous,
    ]);
    let names = ["success", "unavailable", "faulty", "rejected", "unsent", "ambiguous"];
    assert_eq!(outcomes.collect::<Vec<_>>(), Outcome::ALL);
    for (outcome, name) in Outcome::ALL.iter().zip(names) {
        assert_eq!((outcome.to_string(), name.parse()), (name.to_owned(), Ok(*outcome)));
    }
    for word in ["", "Success", "cancelled", "successful"] {
        assert_eq!(word.parse::<Outcome>(), Err("".parse::<Outcome>().unwrap_err()), "{word}");
    }
}
