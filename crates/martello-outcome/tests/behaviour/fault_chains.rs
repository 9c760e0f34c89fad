//! Errors within errors.

use std::{error::Error, fmt, io, time::Duration};

use martello_outcome::{BoxError, CallError, Classifier, ErrorKind, Outcome};

pub(super) fn outcome(error: impl Into<BoxError>) -> Outcome {
    Classifier::default().error(&*error.into())
}

/// A user's error about another.
#[derive(Debug)]
pub(super) struct Wrapped(pub(super) BoxError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// An error that is its own source.
#[derive(Debug)]
pub(super) struct Circular;

impl fmt::Display for Circular {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round and round")
    }
}

impl Error for Circular {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[test]
fn a_chain_that_goes_in_circles_ends() {
    assert_eq!(outcome(Circular), Outcome::Ambiguous);
}

#[test]
fn an_unknown_error_is_ambiguous() {
    assert_eq!(outcome("something"), Outcome::Ambiguous);
    assert_eq!(outcome(Wrapped("something".into())), Outcome::Ambiguous);
    assert_eq!(outcome(io::Error::other("something")), Outcome::Ambiguous);
}

#[test]
fn of_all_io_errors_only_a_refused_connection_is_unsent() {
    use io::ErrorKind::*;
    assert_eq!(outcome(io::Error::from(ConnectionRefused)), Outcome::Unsent);
    let nested = Wrapped(io::Error::from(ConnectionRefused).into());
    assert_eq!(outcome(nested), Outcome::Ambiguous, "it may speak of another connection");
    let others =
        [ConnectionReset, ConnectionAborted, BrokenPipe, TimedOut, HostUnreachable, NetworkUnreachable];
    for kind in others.into_iter().chain([NotConnected, UnexpectedEof, WouldBlock, Interrupted, Other]) {
        assert_eq!(outcome(io::Error::from(kind)), Outcome::Ambiguous, "{kind:?}");
    }
}

#[test]
fn the_outermost_error_with_evidence_decides() {
    let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
    let timed_out = CallError::new(ErrorKind::AttemptTimeout, Outcome::Ambiguous, "timed out");
    assert_eq!(outcome(Wrapped(timed_out.with_source(refused()).into())), Outcome::Ambiguous);
}

#[test]
fn what_a_layer_has_decided_stands_however_it_is_wrapped() {
    let full = || CallError::new(ErrorKind::LimitFull, Outcome::Unsent, "full");
    assert_eq!(outcome(Wrapped(full().into())), Outcome::Unsent);
    assert_eq!(outcome(io::Error::other(full())), Outcome::Unsent);
    assert_eq!(CallError::from_source(Wrapped(full().into())).outcome(), Outcome::Unsent);
}

#[tokio::test]
async fn a_timeout_is_ambiguous() {
    let elapsed = tokio::time::timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(outcome(elapsed), Outcome::Ambiguous);
}
