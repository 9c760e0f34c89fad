use http::response;
use martello_outcome::TrackingId;

use crate::Position;

/// A page, as it came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page<T> {
    /// What it holds, in the server's order; it may be nothing.
    pub items: Vec<T>,
    /// Which page of the walk it is, from 1.
    pub number: u32,
    /// Where it is; `None` for the first.
    pub position: Option<Position>,
    /// Where the next one is; `None` if this is the last.
    pub next: Option<Position>,
    /// The head of the response that it came in.
    pub head: response::Parts,
}

impl<T> Page<T> {
    /// The server's own name for the exchange, where a tracking layer has read it.
    #[must_use]
    pub fn tracking_id(&self) -> Option<&TrackingId> {
        self.head.extensions.get()
    }
}
