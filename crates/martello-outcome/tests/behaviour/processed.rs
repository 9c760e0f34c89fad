//! Calls that meet what an earlier attempt of their own has done.

use std::time::SystemTime;

use http::{Method, StatusCode};
use martello_outcome::{Attempt, Attempts, Classifier, Outcome};

fn code(status: u16) -> Option<StatusCode> {
    Some(StatusCode::from_u16(status).unwrap())
}

fn outcome(status: u16) -> Outcome {
    Classifier::default().status(StatusCode::from_u16(status).unwrap())
}

/// A call whose attempts were answered so; 0 is for a lost answer, and 1 for what was not sent.
fn call(answers: &[u16]) -> Attempts {
    let attempt = |answer: &u16| match answer {
        0 => Attempt::new(1, SystemTime::UNIX_EPOCH, Outcome::Ambiguous),
        1 => Attempt::new(1, SystemTime::UNIX_EPOCH, Outcome::Unsent),
        status => {
            let mut attempt = Attempt::new(1, SystemTime::UNIX_EPOCH, outcome(*status));
            attempt.status = code(*status);
            attempt
        }
    };
    answers.iter().map(attempt).collect::<Vec<_>>().into()
}

#[test]
fn an_attempt_may_be_processed_unless_the_server_refused_to_begin() {
    for status in [500, 502, 504, 511] {
        assert!(outcome(status).may_be_processed(code(status)), "{status}");
    }
    for status in [400, 401, 404, 407, 408, 409, 412, 422, 425, 429, 501, 503, 505] {
        assert!(!outcome(status).may_be_processed(code(status)), "{status}");
    }
    assert!(Outcome::Success.may_be_processed(code(202)));
    assert!(Outcome::Ambiguous.may_be_processed(None) && Outcome::Ambiguous.may_be_processed(code(404)));
    assert!(!Outcome::Unsent.may_be_processed(None));
    // Without a status, nothing proves that it was not.
    assert!(Outcome::Unavailable.may_be_processed(None));
}

#[test]
fn a_delete_that_finds_nothing_after_a_lost_answer_is_a_success() {
    for lost in [0, 500, 502, 504] {
        for gone in [404, 410] {
            for answers in [&[lost, gone][..], &[lost, 503, 1, gone]] {
                assert_eq!(
                    call(answers).call_outcome(&Method::DELETE),
                    Some(Outcome::Success),
                    "{answers:?}"
                );
                for method in [Method::PUT, Method::PATCH, Method::POST, Method::GET] {
                    assert_eq!(call(answers).call_outcome(&method), Some(Outcome::Rejected), "{method}");
                }
            }
        }
    }
}

#[test]
fn a_call_without_a_processed_attempt_has_the_outcome_of_its_last() {
    for answers in [&[404][..], &[503, 404], &[1, 404], &[429, 404], &[0, 422], &[0, 503], &[0, 0], &[0, 204]]
    {
        assert_eq!(call(answers).call_outcome(&Method::DELETE), call(answers).outcome(), "{answers:?}");
    }
    assert_eq!(call(&[]).call_outcome(&Method::DELETE), None);
}

#[test]
fn a_conflict_after_a_lost_answer_is_ambiguous_for_whatever_changes_something() {
    for conflict in [409, 412] {
        for answers in [&[0, conflict][..], &[504, 503, 425, 1, conflict]] {
            for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
                assert_eq!(call(answers).call_outcome(&method), Some(Outcome::Ambiguous), "{method}");
            }
            assert_eq!(call(answers).call_outcome(&Method::GET), Some(Outcome::Rejected));
        }
        assert_eq!(call(&[503, conflict]).call_outcome(&Method::PUT), Some(Outcome::Rejected));
    }
    for refused in [400, 422, 428] {
        assert_eq!(call(&[0, refused]).call_outcome(&Method::PUT), Some(Outcome::Rejected), "{refused}");
    }
    // Another attempt would be another conflict; what may pass is waited for.
    assert_eq!(call(&[0, 425]).call_outcome(&Method::POST), Some(Outcome::Faulty));
}
