use std::fmt::{self, Write};

/// Writes text that others chose so that it stays on its line and within its bound: control characters,
/// whatever is not printable, quotes and backslashes come out escaped, and what is too long ends in `…`.
#[derive(Debug)]
pub(crate) struct Escaper<W> {
    out: W,
    /// Bytes of the text that may still be written, before escapes make them longer.
    left: usize,
    full: bool,
}

impl<W: Write> Escaper<W> {
    pub(crate) fn new(out: W, bound: usize) -> Self {
        Self { out, left: bound, full: false }
    }

    /// Bytes that are UTF-8 for the most part; what is not comes out as `\xff`.
    pub(crate) fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        for chunk in bytes.utf8_chunks() {
            self.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                if self.spend(1)? {
                    write!(self.out, "\\x{byte:02x}")?;
                }
            }
        }
        Ok(())
    }

    /// Whether this many bytes more may be written.
    fn spend(&mut self, bytes: usize) -> Result<bool, fmt::Error> {
        if self.full {
            return Ok(false);
        }
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => {
                self.full = true;
                self.out.write_char('…')?;
            }
        }
        Ok(!self.full)
    }
}

impl<W: Write> Write for Escaper<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !self.full && text.len() <= self.left && is_plain_text(text) {
            self.left -= text.len();
            return self.out.write_str(text);
        }
        for char in text.chars() {
            if self.full {
                break;
            }
            self.write_char(char)?;
        }
        Ok(())
    }

    fn write_char(&mut self, char: char) -> fmt::Result {
        if !self.spend(char.len_utf8())? {
            return Ok(());
        }
        if is_plain(char) { self.out.write_char(char) } else { write!(self.out, "{}", char.escape_debug()) }
    }
}

/// Whether a text comes out as it is, but for its length. Looks to the end in any case: without an early exit the
/// compiler takes eight or sixteen bytes at once, which saves 160 instructions for a URL.
pub(crate) fn is_plain_text(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & is_plain(byte.into()))
}

fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~') && !matches!(char, '"' | '\\')
}

/// Bytes between quotes, escaped and bounded, as [`Escaper`] does it: a value cannot pass for the next field.
#[derive(Debug)]
pub(crate) struct Quoted<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) bound: usize,
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        Escaper::new(&mut *f, self.bound).write_bytes(self.bytes)?;
        f.write_char('"')
    }
}
