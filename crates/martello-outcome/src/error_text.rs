use std::{
    error::Error,
    fmt::{self, Write},
};

use crate::{Printable, mask_urls, truncate};

/// The most bytes that are read from an error and its sources.
const MOST: usize = 16 * 1024;

/// Displays an error and its sources on one line. Secrets in the URLs that they quote are masked as by
/// [`mask_urls`], and control characters are escaped as by [`Printable`].
///
/// Use it for errors whose sources come from other crates: some clients quote the URL of the request.
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
    /// The text of this error and its sources.
    #[must_use]
    pub fn new(error: &'a (dyn Error + 'static)) -> Self {
        Self(error)
    }

    /// The text in at most this many bytes, cut between characters: URLs masked, and a space in place of each
    /// character that is not [printable](Printable::allows). So is [`Attempt::fault`](crate::Attempt::fault).
    ///
    /// ```
    /// # use martello_outcome::ErrorText;
    /// let error = std::io::Error::other("reset\nby peer");
    /// assert_eq!(&*ErrorText::new(&error).single_line(100), "reset by peer");
    /// assert_eq!(&*ErrorText::new(&error).single_line(5), "reset");
    /// ```
    #[must_use]
    pub fn single_line(self, max_bytes: usize) -> Box<str> {
        printable_start(&self.masked(), max_bytes)
    }

    /// Masked, with all its characters as they are.
    fn masked(self) -> String {
        Bounded::masked(|text| text.write_chain(self.0))
    }
}

/// A text from outside in the form of [`ErrorText::single_line`]: at most this many bytes, URLs masked, and a
/// space in place of each character that is not [printable](Printable::allows).
///
/// ```
/// use martello_outcome::single_line;
///
/// assert_eq!(&*single_line("see https://api.example/?key=abc\n", 512), "see https://api.example/?key=*** ");
/// ```
#[must_use]
pub fn single_line(text: &str, max_bytes: usize) -> Box<str> {
    printable_start(&Bounded::masked(|bounded| bounded.write_str(text)), max_bytes)
}

fn printable_start(text: &str, max_bytes: usize) -> Box<str> {
    let shown = |char| if Printable::allows(char) { char } else { ' ' };
    truncate(text, max_bytes).chars().map(shown).collect::<String>().into()
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
    /// Its URLs masked, after `write`, which fails once the text is full.
    fn masked(write: impl FnOnce(&mut Self) -> fmt::Result) -> String {
        let mut text = Self(String::new());
        if write(&mut text).is_err() {
            text.end_before_authority();
        }
        mask_urls(&text.0, |_| false).into_owned()
    }

    fn write_chain(&mut self, error: &(dyn Error + 'static)) -> fmt::Result {
        write!(self, "{error}")?;
        let mut source = error.source();
        while let Some(error) = source {
            write!(self, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }

    /// Removes a URL that is cut in its authority, because the part before the cut may be userinfo.
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
        let fits = truncate(text, MOST.saturating_sub(self.0.len()));
        self.0.push_str(fits);
        if fits.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}
