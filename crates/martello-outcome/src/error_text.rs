use std::{
    error::Error,
    fmt::{self, Write},
};

use crate::{Printable, mask_urls};

/// The most that an error and its sources say, in bytes: more is not asked of them.
const MOST: usize = 16 * 1024;

/// An error and its sources in one line, as it may be shown: what is secret in the URLs that they quote is masked as
/// [`mask_urls`] does it, and what would steer a terminal escaped as by [`Printable`].
///
/// The [source](Error::source) of a [`CallError`](crate::CallError) is the client's own error, in the client's
/// own words.
///
/// ```
/// use martello_outcome::{CallError, ErrorText};
///
/// let reset = std::io::Error::other("GET https://api.example/plannings?key=abc: connection reset");
/// let error = CallError::from_body(reset);
/// assert_eq!(
///     ErrorText::new(&error).to_string(),
///     "the response's body failed: GET https://api.example/plannings?key=***: connection reset"
/// );
/// ```
#[derive(Clone, Copy)]
pub struct ErrorText<'a>(&'a (dyn Error + 'static));

impl<'a> ErrorText<'a> {
    /// Of this error.
    #[must_use]
    pub fn new(error: &'a (dyn Error + 'static)) -> Self {
        Self(error)
    }

    /// Masked, with all its characters as they are.
    pub(crate) fn masked(self) -> String {
        let mut text = Bounded(String::new());
        // Writing fails once it is full, and then nothing more is asked of the error.
        if text.write_chain(self.0).is_err() {
            text.end_before_authority();
        }
        mask_urls(&text.0, |_| false).into_owned()
    }
}

impl fmt::Display for ErrorText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Printable::new(&self.masked()), f)
    }
}

/// Shows no more than the display does.
impl fmt::Debug for ErrorText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The start of a text.
struct Bounded(String);

impl Bounded {
    fn write_chain(&mut self, error: &(dyn Error + 'static)) -> fmt::Result {
        write!(self, "{error}")?;
        let mut source = error.source();
        while let Some(error) = source {
            write!(self, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }

    /// Leaves out a URL that is cut in its authority: what is before the cut may be userinfo.
    fn end_before_authority(&mut self) {
        let word = self.0.rfind(char::is_whitespace).unwrap_or_default();
        let cut = self.0.rfind(['/', '\\']).filter(|slash| *slash >= word);
        if let Some(slash) = cut {
            self.0.truncate(slash + 1);
        }
    }
}

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = start(text, MOST.saturating_sub(self.0.len()));
        self.0.push_str(fits);
        if fits.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// The start of a text, in at most so many bytes, cut between characters.
pub(crate) fn start(text: &str, most: usize) -> &str {
    (0..=most.min(text.len())).rev().find_map(|end| text.get(..end)).unwrap_or_default()
}
