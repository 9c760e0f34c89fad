use std::fmt::Write;

use http::{HeaderMap, HeaderName};

use crate::Redaction;

/// Lines of one name that are written; a server may send thousands.
const LINES: usize = 8;

/// The lines of these names as `name: "value", name: "value"`; `None` if there are none. Made at once, so that
/// the record keeps no secret and no buffer of the connection.
#[inline]
pub(crate) fn shown(headers: &HeaderMap, names: &[HeaderName], redaction: &Redaction) -> Option<Box<str>> {
    // Nearly always, and then not at the price of a call.
    if names.is_empty() { None } else { lines(headers, names, redaction) }
}

#[inline(never)]
fn lines(headers: &HeaderMap, names: &[HeaderName], redaction: &Redaction) -> Option<Box<str>> {
    let mut shown = String::new();
    for name in names {
        for value in headers.get_all(name).iter().take(LINES) {
            let comma = if shown.is_empty() { "" } else { ", " };
            // A string takes everything.
            let _ = write!(shown, "{comma}{name}: {}", redaction.value(name, value));
        }
    }
    (!shown.is_empty()).then(|| shown.into())
}
