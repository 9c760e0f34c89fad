use std::fmt::{self, Write};

/// Writes text from outside on one line and within a bound: it escapes control and unprintable characters,
/// quotes and backslashes, and ends text that is too long with `…`.
#[derive(Debug)]
pub(crate) struct Escaper<W> {
    out: W,
    /// How many more bytes of the text are written, before escapes.
    left: usize,
    full: bool,
}

impl<W: Write> Escaper<W> {
    pub(crate) fn new(out: W, bound: usize) -> Self {
        Self { out, left: bound, full: false }
    }

    /// Writes bytes that are mostly UTF-8; other bytes become `\xff`.
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

    /// Takes this many bytes from the bound; `false` if they do not fit.
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

/// Whether a text needs no escapes. Without an early exit, so that the compiler can check several bytes at
/// once.
pub(crate) fn is_plain_text(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & is_plain(byte.into()))
}

fn is_plain(char: char) -> bool {
    matches!(char, ' '..='~') && !matches!(char, '"' | '\\')
}

/// Bytes in quotes, escaped and bounded by [`Escaper`], so that a value cannot look like the next field.
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
