use std::fmt;

use bytes::Buf;
use http::{HeaderMap, header};

use crate::quoted::Quoted;

/// The first bytes of a textual body.
#[derive(Debug)]
pub(crate) struct Excerpt {
    bytes: Vec<u8>,
    left: usize,
}

impl Excerpt {
    /// The longest excerpt, in bytes.
    pub(crate) const MAX: usize = 4_096;

    /// An excerpt of at most `bound` bytes; `None` if that is zero, or the body is not plain text.
    pub(crate) fn new(headers: &HeaderMap, bound: usize) -> Option<Self> {
        (bound > 0 && is_textual(headers)).then(|| Self { bytes: Vec::new(), left: bound })
    }

    pub(crate) fn push(&mut self, data: &impl Buf) {
        let chunk = data.chunk();
        let taken = chunk.get(..self.left).unwrap_or(chunk);
        self.bytes.extend_from_slice(taken);
        // Only the first piece of a `Buf` can be read without consuming it. The excerpt ends there, so that
        // it has no gap.
        self.left = if chunk.len() < data.remaining() { 0 } else { self.left - taken.len() };
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, bound) = (self.bytes.as_slice(), self.bytes.len());
        fmt::Display::fmt(&Quoted { bytes, bound }, f)
    }
}

fn is_textual(headers: &HeaderMap) -> bool {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return false;
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let format = kind.rsplit(['/', '+']).next().unwrap_or_default();
    kind.starts_with("text/") || matches!(format, "json" | "xml" | "x-ndjson" | "x-www-form-urlencoded")
}
