//! Reads from an error whether the request can have reached the server, and whether it ever can.

use std::{error::Error, io};

use crate::{BoxError, CallError, ErrorKind, Outcome};

const UNSENDABLE: &str =
    "the client refuses this request: correct its URL, its method or its version, or use another client";

/// The most errors of a source chain that are read. A chain may be circular.
const DEEPEST: usize = 32;

/// The error of hyper-util's connector, which other clients, such as tonic, return as a source. The connector
/// runs before there is a connection to send a request on.
#[cfg(feature = "hyper-util")]
type ConnectError =
    <hyper_util::client::legacy::connect::HttpConnector as tower_service::Service<http::Uri>>::Error;

/// What an error proves about the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client refuses it and would refuse it again.
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
    /// Walks from the outermost error inwards. The first error with evidence decides, because its sources may
    /// be about something else, such as the stream that a request body was read from.
    ///
    /// The sources of an unknown error may be about another exchange, such as that for a token or a redirect.
    /// There, the refusal of a client proves nothing.
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

impl CallError {
    /// Converts the error of an inner service. A `CallError`, boxed or not, stays as it is. Anything else
    /// becomes one of kind [`ErrorKind::Transport`], with the outcome that
    /// [`Classifier::error`](crate::Classifier::error) reads from it, or of kind [`ErrorKind::Unsendable`] if
    /// it is the client's own error and says that the client refuses the request (the
    /// [features](crate#features) decide which errors are recognised).
    #[must_use]
    pub fn from_source(error: impl Into<BoxError>) -> Self {
        let source = match Self::unwrapped(error.into()) {
            Ok(error) => return error,
            Err(source) => source,
        };
        let fault = Fault::of(&*source);
        let (kind, message) = match (fault, fault.outcome()) {
            (Fault::Unsendable, _) => (ErrorKind::Unsendable, UNSENDABLE),
            (_, Outcome::Unsent) => (ErrorKind::Transport, "the request could not be sent"),
            _ => {
                let message = "the request failed on its way, and the server may have processed it";
                (ErrorKind::Transport, message)
            }
        };
        Self::new(kind, fault.outcome(), message).with_source(source)
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

/// `own` is whether only errors of the client are around this one.
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

/// Only a refused connection proves that the request is unsent, and only if this is the outermost error: a
/// reset or an unreachable host can come in the middle of an exchange, and a source may be about a lazy
/// connection that had taken the request, or about the stream of the request's body. If the error only wraps
/// another (h2 and TLS do so), the inner decides.
fn io_evidence(error: &io::Error, depth: usize) -> Option<Fault> {
    match error.kind() {
        io::ErrorKind::ConnectionRefused if depth == 0 => Some(Fault::Unsent),
        _ if error.get_ref().is_some() => None,
        _ => Some(Fault::Ambiguous),
    }
}

/// A builder error of reqwest comes before the request is sent. An error after a redirect is ambiguous: the
/// request itself had an answer.
#[cfg(feature = "reqwest")]
fn reqwest_evidence(error: &reqwest::Error, own: bool) -> Option<Fault> {
    match (error.is_redirect(), error.is_builder()) {
        (true, _) => Some(Fault::Ambiguous),
        (false, true) if own => Some(Fault::Unsendable),
        _ => None,
    }
}

/// An error without a source that is not a connect error is the client's refusal of the request: no host, an
/// unknown version or method. (The client handles one more kind without a source itself.) If the error has a
/// connection, that connection does not support the request's version, and the next one may: unsent.
///
/// Of the connector's errors, only the direct source of the client's error counts: a proxy's tunnel in
/// between has its own target, which may be refused.
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

/// The connector's refusal of a URL: a scheme that it does not support, no scheme, or no host. All its other
/// errors have a source.
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
    // hyper had begun with the request. Only an HTTP/2 error has more evidence: any other source, such as the
    // error of the request body, does not show whether the request was sent.
    #[cfg(feature = "h2")]
    if error.source().is_some_and(<dyn Error>::is::<h2::Error>) {
        return None;
    }
    Some(Fault::Ambiguous)
}

/// RFC 9113 §8.7: the server did not process a stream that it refused, or one above the last stream that a
/// GOAWAY names. h2 returns the GOAWAY as the error of those streams.
///
/// A graceful GOAWAY (NO_ERROR), which first names no stream, can also become the error of a request that was
/// just sent: hyper polls for readiness once more after it sent a request, and returns the result for that
/// request. The two cases look the same, so a graceful GOAWAY proves nothing.
#[cfg(feature = "h2")]
fn h2_evidence(error: &h2::Error) -> Option<Fault> {
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let gone = error.is_go_away() && error.reason() != Some(h2::Reason::NO_ERROR);
    (error.is_remote() && (refused || gone)).then_some(Fault::Unsent)
}
