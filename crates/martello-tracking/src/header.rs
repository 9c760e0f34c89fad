//! The header lines that hold ids.

use http::{HeaderMap, HeaderName, HeaderValue};
use martello_outcome::{ConfigError, TrackingId};

/// So many ids of one response are read, and so many lines are on a response that ids are handed on with.
pub(crate) const MAX_IDS: usize = 8;

/// What a proxy joins lines with.
const JOINT: &str = ", ";

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

/// The ids on the lines of this header, in their order, at most [`MAX_IDS`].
///
/// A line that is neither an id nor several is left out as a whole, and so is a part of several that is none. Its content may be anything a server likes to send, so the
/// event about it only says how long it was.
pub(crate) fn ids<'a>(headers: &'a HeaderMap, name: &'a HeaderName) -> impl Iterator<Item = TrackingId> + 'a {
    let lines = headers.get_all(name).iter();
    lines.flat_map(move |line| ids_of(line, name)).take(MAX_IDS)
}

/// Most lines are one id. A proxy may have joined several with a comma and a space (RFC 9110 §5.3), which cannot
/// be part of an id.
fn ids_of<'a>(line: &'a HeaderValue, name: &'a HeaderName) -> impl Iterator<Item = TrackingId> + 'a {
    let whole = TrackingId::from_header(line).ok();
    let text = if whole.is_some() { "" } else { std::str::from_utf8(line.as_bytes()).unwrap_or_default() };
    let joined = text.contains(JOINT).then(|| text.split(JOINT).filter_map(|part| part.parse().ok()));
    if whole.is_none() && joined.is_none() {
        tracing::debug!(header = %name, length = line.len(), "ignored a line that is no tracking id");
    }
    whole.into_iter().chain(joined.into_iter().flatten())
}
