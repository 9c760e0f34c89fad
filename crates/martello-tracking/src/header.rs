//! The headers that contain ids: their configuration and their lines.

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use martello_outcome::{CallerId, ConfigError, TrackingId};

/// The most ids that are read from one response, and the most lines on a response with propagated ids.
pub(crate) const MAX_IDS: usize = 8;

/// The separator with which a proxy joins lines.
const SEPARATOR: &str = ", ";

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
/// Invalid lines, and invalid parts of a joined line, are ignored. The event about an ignored line has its
/// length only, because its content may be anything.
pub(crate) fn ids<'a>(headers: &'a HeaderMap, name: &'a HeaderName) -> impl Iterator<Item = TrackingId> + 'a {
    let lines = headers.get_all(name).iter();
    lines.flat_map(move |line| ids_of(line, name)).take(MAX_IDS)
}

/// The ids of one line. Most lines are one id. A proxy may have joined several with a comma and a space (RFC
/// 9110 §5.3), which cannot be part of an id.
fn ids_of<'a>(line: &'a HeaderValue, name: &'a HeaderName) -> impl Iterator<Item = TrackingId> + 'a {
    let whole = TrackingId::from_header(line).ok();
    let text = if whole.is_some() { "" } else { std::str::from_utf8(line.as_bytes()).unwrap_or_default() };
    let joined = text.contains(SEPARATOR).then(|| text.split(SEPARATOR).filter_map(|part| part.parse().ok()));
    if whole.is_none() && joined.is_none() {
        tracing::debug!(header = %name, length = line.len(), "ignored a header line that is not a tracking id");
    }
    whole.into_iter().chain(joined.into_iter().flatten())
}
