//! The text of an error: on one line, quoted, masked, escaped and bounded.

use std::{error::Error, fmt::Write};

use http::Uri;

use crate::{Redaction, quoted::Quoted, redaction::MASK, url};

/// The longest text, in bytes.
const BOUND: usize = 512;

/// The most errors of a source chain that are read. A chain may be circular.
const DEEPEST: usize = 32;

/// The error and its sources. Some clients quote the URL of the request or of a redirect, so the secrets of
/// URLs are masked before the text is cut. The secrets of the request's own URL are masked everywhere.
pub(crate) fn quote_error(error: &(dyn Error + 'static), uri: &Uri, redaction: &Redaction) -> Box<str> {
    let chain = std::iter::successors(Some(error), |error| Error::source(*error));
    let mut text = String::new();
    for (place, error) in chain.take(DEEPEST).enumerate() {
        let separator = if place == 0 { "" } else { ": " };
        // Writing to a string cannot fail. If the user's `Display` fails, its text ends there.
        let _ = write!(text, "{separator}{error}");
    }
    for secret in url::secrets(uri, redaction) {
        text = text.replace(secret, MASK);
    }
    quote(&redaction.text(&text))
}

/// A text of this crate in the same form.
pub(crate) fn quote(text: &str) -> Box<str> {
    Quoted { bytes: text.as_bytes(), bound: BOUND }.to_string().into()
}
