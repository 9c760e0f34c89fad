//! The header lines that hold ids.

use http::{HeaderMap, HeaderName};
use martello_outcome::{ConfigError, TrackingId};

/// So many ids of one response are read, and so many lines are on a response that ids are handed on with.
pub(crate) const MOST: usize = 8;

pub(crate) fn default_header() -> HeaderName {
    HeaderName::from_static("trackingid")
}

pub(crate) fn header_name(field: &'static str, name: &str) -> Result<HeaderName, ConfigError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        let shown = name.escape_debug();
        ConfigError::new(
            field,
            format_args!("`{shown}`"),
            "a header name (RFC 9110 §5.1), such as `x-request-id`",
        )
    })
}

/// The ids on the lines of this header, in their order, at most [`MOST`].
///
/// A line that is no id is left out as a whole. Its content may be anything a server likes to send, so the
/// event about it only says how long it was.
pub(crate) fn ids<'a>(headers: &'a HeaderMap, name: &'a HeaderName) -> impl Iterator<Item = TrackingId> + 'a {
    let lines = headers.get_all(name).iter();
    let ids = lines.filter_map(move |line| {
        let id = TrackingId::from_header(line).ok();
        if id.is_none() {
            tracing::debug!(header = %name, length = line.len(), "ignored a line that is no tracking id");
        }
        id
    });
    ids.take(MOST)
}
