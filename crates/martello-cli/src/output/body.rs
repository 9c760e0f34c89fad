use std::{borrow::Cow, io};

use martello::outcome::truncate;
use martello_outbox::StoredRequest;

use super::{Output, pretty::pretty};

/// The maximum length of a body on the terminal, in bytes after indenting.
const MOST: usize = 8 * 1024;

/// Writes a body for people: JSON is formatted, each line is indented by two spaces, and the length is
/// bounded.
pub(crate) fn write_body(out: &mut Output, request: &StoredRequest) -> io::Result<()> {
    let bytes = request.body.len();
    if bytes == 0 {
        return out.line("  (no body)");
    }
    if request.sealed {
        return out.line(format_args!("  (sealed body, {bytes} bytes)"));
    }
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return out.line(format_args!("  (binary body, {bytes} bytes; add --body to write it)"));
    };
    let text = pretty(text, MOST).map_or(Cow::Borrowed(text), Cow::Owned);
    let shown = truncate(&text, MOST);
    for line in shown.lines() {
        out.line(format_args!("  {line}"))?;
    }
    if shown.len() < text.len() {
        out.line(format_args!("  … (body of {bytes} bytes; add --body to write all of it)"))?;
    }
    Ok(())
}
