use std::{borrow::Cow, io};

use martello_outbox::StoredRequest;

use super::{Output, pretty::pretty};

/// How much of a body is shown, in bytes of what it looks like.
const MOST: usize = 8 * 1024;

/// A body as a person reads it, indented by two spaces and within bounds.
pub(crate) fn write_body(out: &mut Output, request: &StoredRequest) -> io::Result<()> {
    let bytes = request.body.len();
    if bytes == 0 {
        return out.line("  (no body)");
    }
    if request.sealed {
        return out.line(format_args!("  (a sealed body of {bytes} bytes)"));
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return out.line(format_args!("  (a body of {bytes} bytes that are no text; --body writes it)"));
    };
    let text = pretty(text, MOST).map_or(Cow::Borrowed(text), Cow::Owned);
    let shown = text.floor_char_boundary(MOST);
    for line in text.get(..shown).unwrap_or_default().lines() {
        out.line(format_args!("  {line}"))?;
    }
    if shown < text.len() {
        out.line(format_args!("  … (a body of {bytes} bytes; --body writes all of it)"))?;
    }
    Ok(())
}
