//! The values of event fields that have bounds: header lines and tracking ids.

use std::fmt::{self, Display, Write};

use http::{HeaderMap, HeaderName};
use martello_outcome::{Attempts, TrackingId};

use crate::Redaction;

/// The most lines of one name that are written; a server may send thousands.
const MAX_LINES: usize = 8;

/// The lines of these names as `name: "value", name: "value"`; `None` if there are none. They are formatted
/// at once, so that the record keeps no secrets and no buffer of the connection.
#[inline]
pub(crate) fn header_lines(
    headers: &HeaderMap,
    names: &[HeaderName],
    redaction: &Redaction,
) -> Option<Box<str>> {
    // The common case, without a call.
    if names.is_empty() { None } else { format_lines(headers, names, redaction) }
}

#[inline(never)]
fn format_lines(headers: &HeaderMap, names: &[HeaderName], redaction: &Redaction) -> Option<Box<str>> {
    let mut shown = String::new();
    for name in names {
        for value in headers.get_all(name).iter().take(MAX_LINES) {
            let comma = if shown.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(shown, "{comma}{name}: {}", redaction.value(name, value));
        }
    }
    (!shown.is_empty()).then(|| shown.into())
}

/// The most ids that are written.
const MAX_IDS: usize = 16;

/// The ids of all attempts but the last, in order.
pub(crate) struct EarlierIds<'a>(&'a Attempts);

impl<'a> EarlierIds<'a> {
    /// `None` if no earlier attempt has one.
    pub(crate) fn of(attempts: &'a Attempts) -> Option<Self> {
        let earlier = Self(attempts);
        let any = earlier.ids().next().is_some();
        any.then_some(earlier)
    }

    fn ids(&self) -> impl Iterator<Item = &TrackingId> {
        let earlier = self.0.split_last().map(|(_, earlier)| earlier).unwrap_or_default();
        earlier.iter().filter_map(|attempt| attempt.tracking_id.as_ref())
    }
}

impl Display for EarlierIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.ids().take(MAX_IDS).enumerate() {
            let separator = if place == 0 { "" } else { "," };
            write!(f, "{separator}{id}")?;
        }
        let left_out = self.ids().nth(MAX_IDS).is_some();
        f.write_str(if left_out { ",…" } else { "" })
    }
}
