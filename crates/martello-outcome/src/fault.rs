//! Reads from an error whether the request can have reached the server, and whether it ever can.

use std::{error::Error, io};

use crate::{CallError, Outcome};

/// A source chain longer than this is taken to go in circles.
const DEEPEST: usize = 32;

/// Why hyper-util's connector has no connection: whoever built a client on it, such as tonic, hands that on. It is at
/// work before there is anything to give a request to.
#[cfg(feature = "hyper-util")]
type ConnectError =
    <hyper_util::client::legacy::connect::HttpConnector as tower_service::Service<http::Uri>>::Error;

/// What an error proves about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client refuses it, and would again.
    #[cfg_attr(
        not(any(feature = "hyper-util", feature = "reqwest")),
        expect(dead_code, reason = "only the errors of these clients prove it")
    )]
    Unsendable,
    Unsent,
    Ambiguous,
    /// An outcome that a layer has already decided.
    Decided(Outcome),
}

impl Fault {
    /// Walks from the outermost error inwards: the first error that says something decides, because what lies
    /// below it may speak of something else, such as the stream that a request body was read from.
    ///
    /// What lies below an error of somebody else's may speak of another exchange, such as that for a token, or with the
    /// `Location` of an answer. That a client refuses a request proves nothing there.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| inner(*error));
        let mut own = true;
        for (depth, error) in chain.take(DEEPEST).enumerate() {
            if let Some(fault) = evidence(error, depth, own) {
                return fault;
            }
            own &= is_of_a_client(error);
        }
        Self::Ambiguous
    }

    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Unsendable | Self::Unsent => Outcome::Unsent,
            Self::Decided(outcome) => outcome,
            Self::Ambiguous => Outcome::Ambiguous,
        }
    }
}

/// An `io::Error` that wraps another error leaves it out of its `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped))
}

fn is_of_a_client(error: &(dyn Error + 'static)) -> bool {
    #[cfg(feature = "hyper-util")]
    if error.is::<hyper_util::client::legacy::Error>() {
        return true;
    }
    #[cfg(feature = "reqwest")]
    if error.is::<reqwest::Error>() {
        return true;
    }
    error.is::<io::Error>()
}

/// `own` says that there is nobody's error around this one but the client's.
fn evidence(
    error: &(dyn Error + 'static),
    depth: usize,
    #[cfg_attr(
        not(any(feature = "hyper-util", feature = "reqwest")),
        expect(
            unused_variables,
            reason = "only the errors of these clients prove that a request is refused"
        )
    )]
    own: bool,
) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<CallError>() {
        return Some(Fault::Decided(error.outcome()));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return io_evidence(error, depth);
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return reqwest_evidence(error, own);
    }
    #[cfg(feature = "hyper-util")]
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return legacy_evidence(error, own);
    }
    #[cfg(feature = "hyper-util")]
    if error.is::<ConnectError>() {
        return Some(refused_target(error, own).unwrap_or(Fault::Unsent));
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
fn io_evidence(error: &io::Error, depth: usize) -> Option<Fault> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused if depth == 0 => Some(Fault::Unsent),
        _ if error.get_ref().is_some() => None,
        _ => Some(Fault::Ambiguous),
    }
}

/// A request of which reqwest can make none, before anything was done with it. What it met behind a redirect says nothing of
/// the request, which was answered.
#[cfg(feature = "reqwest")]
fn reqwest_evidence(error: &reqwest::Error, own: bool) -> Option<Fault> {
    match (error.is_redirect(), error.is_builder()) {
        (true, _) => Some(Fault::Ambiguous),
        (false, true) if own => Some(Fault::Unsendable),
        _ => None,
    }
}

/// What the client says of the user's request (no host, a version or method that it does not know) is all that has no
/// source and is no failure to connect. One more kind without a source, of a connection that gives way to another, ends in
/// the client itself. With a connection at hand, it is that which does not speak the request's version; the next may.
///
/// Of what the connector says only the error that is the client's direct source counts: a proxy's tunnel in between has a
/// target of its own that may be refused.
#[cfg(feature = "hyper-util")]
fn legacy_evidence(error: &hyper_util::client::legacy::Error, own: bool) -> Option<Fault> {
    match (error.is_connect(), error.source()) {
        (true, source) => {
            let refused = source.and_then(|source| refused_target(source, own));
            Some(refused.unwrap_or(Fault::Unsent))
        }
        (false, None) if own => match error.connect_info() {
            None => Some(Fault::Unsendable),
            Some(_) => Some(Fault::Unsent),
        },
        (false, _) => None,
    }
}

/// The connector's refusal of a URL: a scheme that it does not speak, or none, or no host. Every other of its errors has a
/// source.
#[cfg(feature = "hyper-util")]
fn refused_target(error: &(dyn Error + 'static), own: bool) -> Option<Fault> {
    let refused = error.is::<ConnectError>() && error.source().is_none();
    (own && refused).then_some(Fault::Unsendable)
}

#[cfg(feature = "hyper")]
fn hyper_evidence(error: &hyper::Error) -> Option<Fault> {
    // The request was handed back, or its connection was gone before it was taken.
    if error.is_canceled() || error.is_closed() {
        return Some(Fault::Unsent);
    }
    // hyper was at work on the request. Only HTTP/2 says more; the source of any other error, such as that of the
    // user's own request body, is not about whether it was sent.
    #[cfg(feature = "h2")]
    if error.source().is_some_and(<dyn Error>::is::<h2::Error>) {
        return None;
    }
    Some(Fault::Ambiguous)
}

/// RFC 9113 §8.7: a stream that was refused, and one above the last that a GOAWAY names, were not processed. h2
/// gives a GOAWAY as the error of those streams.
///
/// But a graceful GOAWAY (NO_ERROR), which first names no stream at all, can also become the error of a request
/// that has just been sent: hyper asks for readiness once more after it sent one, and hands that request what it
/// is told. The two cannot be told apart, so a graceful GOAWAY proves nothing.
#[cfg(feature = "h2")]
fn h2_evidence(error: &h2::Error) -> Option<Fault> {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let gone = error.is_go_away() && error.reason() != Some(h2::Reason::NO_ERROR);
    (error.is_remote() && (refused || gone)).then_some(Fault::Unsent)
}
