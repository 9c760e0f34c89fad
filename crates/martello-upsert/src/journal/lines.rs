//! Reads the lines of a journal.

use std::io::{self, BufRead, Read};

/// The longest line that is read, in bytes. Records are much shorter.
const LONGEST: u64 = 1024 * 1024;

/// Reads lines, with their numbers and ends.
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The number of the last line, from 1.
    pub(super) number: u64,
    /// The offset at which the last line ends.
    pub(super) end: u64,
}

/// The result of a read.
pub(super) enum Next<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// A last line without a line break.
    Truncated,
    /// A line that is too long for a record.
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
            None => Ok(Next::Truncated),
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

    /// Otherwise the rest of the journal would be removed.
    #[test]
    fn a_read_error_is_not_taken_for_the_end() {
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
