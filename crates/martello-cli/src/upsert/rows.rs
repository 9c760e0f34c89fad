//! Reads the lines of the input.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

use super::input::Reader;

/// The maximum length of a line, in bytes.
const LONGEST: usize = 16 << 20;

/// A line of the input.
pub(super) struct Row {
    /// The line number, from 1.
    pub(super) number: u64,
    /// The text without its line ending; `None` if the line is too long.
    pub(super) text: Option<Bytes>,
}

/// The error that stopped reading the input, if any. Clones share it.
#[derive(Clone, Default)]
pub(super) struct InputError(Arc<Mutex<Option<io::Error>>>);

impl InputError {
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A stream of all lines. An I/O error ends the stream and is kept in `input_error`.
pub(super) fn rows(reader: Reader, input_error: InputError) -> impl Stream<Item = Row> + Send {
    stream::unfold((reader, 1, input_error), async |(mut reader, number, input_error)| {
        match next(&mut reader).await {
            Ok(None) => None,
            Ok(Some(text)) => Some((Row { number, text }, (reader, number + 1, input_error))),
            Err(error) => {
                *input_error.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                None
            }
        }
    })
}

/// Reads the next line: `None` at the end, `Some(None)` for a line that is too long.
async fn next(reader: &mut Reader) -> io::Result<Option<Option<Bytes>>> {
    let mut line = Vec::new();
    let read = piece(reader, &mut line).await?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') && read > LONGEST {
        while line.last().is_some_and(|last| *last != b'\n') {
            line.clear();
            piece(reader, &mut line).await?;
        }
        return Ok(Some(None));
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(Some(Some(Bytes::copy_from_slice(line))))
}

async fn piece(reader: &mut Reader, line: &mut Vec<u8>) -> io::Result<usize> {
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(most).read_until(b'\n', line).await
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;
    use crate::upsert::input::Input;

    #[tokio::test]
    async fn numbers_lines_and_bounds_their_length() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("lines");
        let long = "x".repeat(2 * LONGEST + 7);
        std::fs::write(&path, format!("a\r\n\n{long}\nb")).unwrap();
        let input_error = InputError::default();
        let rows = rows(Input::open(&path).await.unwrap().reader, input_error.clone());
        let rows: Vec<_> = rows.map(|row| (row.number, row.text.map(|text| text.to_vec()))).collect().await;
        let text = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(rows, [(1, text("a")), (2, text("")), (3, None), (4, text("b"))]);
        assert!(input_error.take().is_none());
    }
}
