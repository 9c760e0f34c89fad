use http::{Method, StatusCode};
use martello_outcome::is_bodiless;

/// When the permit of a request that was answered is given back.
///
/// A request that ends without a response gives its permit back at once, under either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Release {
    /// When the response body has ended: at the end of the stream, with trailers, with an error, or when it is
    /// dropped, whichever comes first. A response without a body gives it back with its head; so does an
    /// upgrade (101) and a tunnel (CONNECT), which are no bodies. The default: to the server, a response that
    /// is still being read is a request in flight.
    #[default]
    Body,
    /// When the response's head has come, as tower's own limit does. For responses that stay open for long,
    /// such as a stream of events.
    Head,
}

/// Which responses to a request hold its permit beyond their head.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds {
    Nothing,
    AllButTunnels,
    Bodies,
}

impl Holds {
    pub(crate) fn of(release: Release, method: &Method) -> Self {
        match (release, method) {
            (Release::Head, _) | (_, &Method::HEAD) => Self::Nothing,
            (_, &Method::CONNECT) => Self::AllButTunnels,
            _ => Self::Bodies,
        }
    }

    /// Whether a response with this status may have a body which then holds the permit.
    pub(crate) fn at(self, status: StatusCode) -> bool {
        let bodiless = is_bodiless(status);
        match self {
            Self::Nothing => false,
            Self::AllButTunnels => !bodiless && !status.is_success(),
            Self::Bodies => !bodiless,
        }
    }
}
