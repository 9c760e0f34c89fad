//! What went wrong, in words: in one line, quoted, masked, escaped and bounded.

use std::{error::Error, fmt::Write};

use http::Uri;

use crate::{Redaction, quoted::Quoted, redaction::MASK, url};

/// The longest text, in bytes.
const BOUND: usize = 512;

/// A source chain longer than this is taken to go in circles.
const DEEPEST: usize = 32;

/// The error and its sources. Some clients name the URL of the request, or that of a redirect, in their errors,
/// so what is secret in them is masked before the text is cut; of the request's, also where it stands alone.
pub(crate) fn quote_error(error: &(dyn Error + 'static), uri: &Uri, redaction: &Redaction) -> Box<str> {
    let chain = std::iter::successors(Some(error), |error| Error::source(*error));
    let mut text = String::new();
    for (place, error) in chain.take(DEEPEST).enumerate() {
        let separator = if place == 0 { "" } else { ": " };
        // A string takes everything; the user's `Display` may fail, and then its text ends there.
        let _ = write!(text, "{separator}{error}");
    }
    for secret in url::secrets(uri, redaction) {
        text = text.replace(secret, MASK);
    }
    quote(&redaction.text(&text))
}

/// A text of our own, in the same form.
pub(crate) fn quote(text: &str) -> Box<str> {
    Quoted { bytes: text.as_bytes(), bound: BOUND }.to_string().into()
}
