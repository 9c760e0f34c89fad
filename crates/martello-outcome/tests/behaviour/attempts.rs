//! What a call went through.

use std::{
    error::Error,
    fmt,
    time::{Duration, SystemTime},
};

use http::Response;
use martello_outcome::{Attempt, AttemptNumber, Attempts, Outcome};

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt::new(number, SystemTime::UNIX_EPOCH, outcome)
}

fn fault(error: &(dyn Error + 'static)) -> String {
    attempt(1, Outcome::Ambiguous).with_fault(error).fault.unwrap().into()
}

/// An error with this text, caused by another.
#[derive(Debug)]
struct Because(&'static str, Option<Box<Self>>);

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Because {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

#[test]
fn a_fault_is_the_error_and_its_sources() {
    let error = Because("outer", Some(Box::new(Because("middle", Some(Box::new(Because("inner", None)))))));
    assert_eq!(fault(&error), "outer: middle: inner");
}

#[test]
fn a_fault_is_cut_at_512_bytes_between_characters() {
    let ascii = "a".repeat(600);
    assert_eq!(fault(&std::io::Error::other(ascii)), "a".repeat(512));

    let wide = format!("a{}", "é".repeat(600));
    assert_eq!(fault(&std::io::Error::other(wide)), format!("a{}", "é".repeat(255)));

    let just_fits = format!("{}é", "a".repeat(510));
    assert_eq!(fault(&std::io::Error::other(just_fits.clone())), just_fits);
}

#[test]
fn an_error_that_is_its_own_source_makes_a_bounded_fault() {
    assert_eq!(fault(&super::fault_chains::Circular).len(), Attempt::MAX_FAULT);
}

#[test]
fn an_error_that_cannot_be_written_makes_an_empty_fault() {
    #[derive(Debug)]
    struct Unwritable;
    impl fmt::Display for Unwritable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    impl Error for Unwritable {}
    assert_eq!(fault(&Unwritable), "");
}

#[test]
fn attempts_say_how_the_last_ended_and_how_long_the_call_waited() {
    let mut second = attempt(2, Outcome::Success);
    second.waited = Duration::from_secs(3);
    let mut third = attempt(3, Outcome::Ambiguous);
    third.waited = Duration::from_secs(4);
    let attempts = Attempts::from(vec![attempt(1, Outcome::Unavailable), second, third]);
    assert_eq!(attempts.outcome(), Some(Outcome::Ambiguous));
    assert_eq!(attempts.waited(), Duration::from_secs(7));
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn waits_that_are_too_long_to_add_up_stop_at_the_longest() {
    let mut endless = attempt(1, Outcome::Unavailable);
    endless.waited = Duration::MAX;
    assert_eq!(Attempts::from(vec![endless.clone(), endless]).waited(), Duration::MAX);
}

#[test]
fn no_attempts_have_no_outcome() {
    for none in [Attempts::default(), Attempts::from(vec![])] {
        assert!(none.is_empty());
        assert_eq!((none.outcome(), none.waited()), (None, Duration::ZERO));
    }
}

#[test]
fn attempts_and_their_number_are_read_from_extensions() {
    let mut response = Response::new(());
    assert!(Attempts::of(&response).is_none());
    response.extensions_mut().insert(Attempts::from(vec![attempt(1, Outcome::Faulty)]));
    assert_eq!(Attempts::of(&response).unwrap().outcome(), Some(Outcome::Faulty));

    let mut request = http::Request::new(());
    assert_eq!(AttemptNumber::of(request.extensions()), 1);
    request.extensions_mut().insert(AttemptNumber(4));
    assert_eq!(AttemptNumber::of(request.extensions()), 4);
}
