use http::{Extensions, HeaderName};
use martello_outcome::CallerId;

/// The configuration of an enabled layer.
#[derive(Debug)]
pub(crate) struct Config {
    /// The response header that contains the server's id.
    pub(crate) reads: HeaderName,
    pub(crate) sends: Option<Sends>,
}

/// How the caller's id is sent.
#[derive(Debug)]
pub(crate) struct Sends {
    pub(crate) header: HeaderName,
    pub(crate) source: CallerIdSource,
}

/// Finds the caller's id in the extensions of a request.
pub(crate) type CallerIdSource = fn(&Extensions) -> Option<CallerId>;
