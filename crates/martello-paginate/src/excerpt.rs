use std::fmt::{self, Write};

use martello_outcome::Printable;

/// The first bytes of a body, on one line, escaped.
pub(crate) struct Excerpt<'a>(pub(crate) &'a [u8]);

impl Excerpt<'_> {
    const MAX: usize = 256;
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..Self::MAX).unwrap_or(self.0);
        write!(f, "{}", Printable::new(&String::from_utf8_lossy(shown)))?;
        if shown.len() < self.0.len() { f.write_char('…') } else { Ok(()) }
    }
}
