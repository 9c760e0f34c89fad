//! The lines of a journal, one after the other.

use std::io::{self, BufRead, Read};

/// The longest line that is read, in bytes: no record comes near it.
const LONGEST: u64 = 1024 * 1024;

/// Reads lines, and knows where each ends.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The number of the line read last, from 1.
    pub(super) number: u64,
    /// Where the line read last ends.
    pub(super) end: u64,
}

/// What there is to read.
pub(super) enum Next<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// Bytes without the end of a line.
    CutOff,
    /// A line that is too long to be one.
    TooLong,
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), number: 0, end: 0 }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        self.buffer.clear();
        let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut self.buffer)?;
        self.number += 1;
        let read = u64::try_from(read).unwrap_or(u64::MAX);
        match self.buffer.strip_suffix(b"\n") {
            Some(line) => {
                self.end += read;
                Ok(Next::Line(line))
            }
            None if read == LONGEST => Ok(Next::TooLong),
            None if read == 0 => Ok(Next::End),
            None => Ok(Next::CutOff),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Unreadable;

    impl Read for Unreadable {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Other.into())
        }
    }

    /// Taken for the end, what follows would be cut off from the journal.
    #[test]
    fn what_cannot_be_read_is_an_error_and_not_the_end() {
        for (start, whole) in [("", 0), ("a\n", 2), ("a\nb", 2)] {
            let mut lines = Lines::new(io::BufReader::new(start.as_bytes().chain(Unreadable)));
            for _ in 0..whole / 2 {
                assert!(matches!(lines.next(), Ok(Next::Line(b"a"))), "{start:?}");
            }
            assert!(lines.next().is_err(), "{start:?}");
            assert_eq!(lines.end, whole);
        }
    }
}
