//! Reads from an error whether the request can have reached the server.

use std::{error::Error, io};

use crate::{CallError, Outcome};

/// A source chain longer than this is taken to go in circles.
const DEEPEST: usize = 32;

/// Why hyper-util's connector has no connection: whoever built a client on it, such as tonic, hands that on. It is at
/// work before there is anything to give a request to.
#[cfg(feature = "hyper-util")]
type ConnectError =
    <hyper_util::client::legacy::connect::HttpConnector as tower_service::Service<http::Uri>>::Error;

enum Evidence {
    Unsent,
    Ambiguous,
    /// An outcome that a layer has already decided.
    Decided(Outcome),
}

/// Walks from the outermost error inwards: the first error that says something decides, because what lies
/// below it may speak of something else, such as the stream that a request body was read from.
pub(crate) fn outcome(error: &(dyn Error + 'static)) -> Outcome {
    let chain = std::iter::successors(Some(error), |error| inner(*error));
    let mut chain = chain.take(DEEPEST).enumerate();
    match chain.find_map(|(depth, error)| evidence(error, depth)) {
        Some(Evidence::Unsent) => Outcome::Unsent,
        Some(Evidence::Decided(outcome)) => outcome,
        Some(Evidence::Ambiguous) | None => Outcome::Ambiguous,
    }
}

/// An `io::Error` that wraps another error leaves it out of its `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped))
}

fn evidence(error: &(dyn Error + 'static), depth: usize) -> Option<Evidence> {
    if let Some(error) = error.downcast_ref::<CallError>() {
        return Some(Evidence::Decided(error.outcome()));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return io_evidence(error, depth);
    }
    #[cfg(feature = "hyper-util")]
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect().then_some(Evidence::Unsent);
    }
    #[cfg(feature = "hyper-util")]
    if error.is::<ConnectError>() {
        return Some(Evidence::Unsent);
    }
    #[cfg(feature = "hyper")]
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        return hyper_evidence(error);
    }
    #[cfg(feature = "h2")]
    if let Some(error) = error.downcast_ref::<h2::Error>() {
        return h2_evidence(error);
    }
    None
}

/// Only a refused connection proves anything, and only where it is the client's own word: a reset or an
/// unreachable host can come in the middle of an exchange, and what lies below another error may speak of a
/// lazy connection that had taken the request, or of the source of the request's body. An error that merely wraps another (h2 and TLS do so) leaves the word to the one inside.
fn io_evidence(error: &io::Error, depth: usize) -> Option<Evidence> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused if depth == 0 => Some(Evidence::Unsent),
        _ if error.get_ref().is_some() => None,
        _ => Some(Evidence::Ambiguous),
    }
}

#[cfg(feature = "hyper")]
fn hyper_evidence(error: &hyper::Error) -> Option<Evidence> {
    // The request was handed back, or its connection was gone before it was taken.
    if error.is_canceled() || error.is_closed() {
        return Some(Evidence::Unsent);
    }
    // hyper was at work on the request. Only HTTP/2 says more; the source of any other error, such as that of the
    // user's own request body, is not about whether it was sent.
    #[cfg(feature = "h2")]
    if error.source().is_some_and(<dyn Error>::is::<h2::Error>) {
        return None;
    }
    Some(Evidence::Ambiguous)
}

/// RFC 9113 §8.7: a stream that was refused, and one above the last that a GOAWAY names, were not processed. h2
/// gives a GOAWAY as the error of those streams.
///
/// But a graceful GOAWAY (NO_ERROR), which first names no stream at all, can also become the error of a request
/// that has just been sent: hyper asks for readiness once more after it sent one, and hands that request what it
/// is told. The two cannot be told apart, so a graceful GOAWAY proves nothing.
#[cfg(feature = "h2")]
fn h2_evidence(error: &h2::Error) -> Option<Evidence> {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let gone = error.is_go_away() && error.reason() != Some(h2::Reason::NO_ERROR);
    (error.is_remote() && (refused || gone)).then_some(Evidence::Unsent)
}
