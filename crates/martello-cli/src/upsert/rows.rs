//! The lines of the input.

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::{
    fs::File,
    io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader, stdin},
};

use crate::failure::Failure;

/// The longest line, in bytes.
const LONGEST: usize = 16 << 20;

type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// A line of the input.
pub(super) struct Row {
    /// From 1.
    pub(super) number: u64,
    /// Without its end; nothing, if it was too long.
    pub(super) text: Option<Bytes>,
}

/// What kept the input from being read to its end.
#[derive(Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<io::Error>>>);

impl Trouble {
    pub(super) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

pub(super) fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::other(format!("the input {} cannot be read", path.display())).because(error)
}

pub(super) async fn open(path: &Path) -> Result<Reader, Failure> {
    if is_stdin(path) {
        return Ok(Box::new(BufReader::new(stdin())));
    }
    let file = File::open(path).await.map_err(|error| unreadable(path, error))?;
    Ok(Box::new(BufReader::with_capacity(256 * 1024, file)))
}

/// All lines. Where they cannot be read further they end, and the trouble is told.
pub(super) fn rows(reader: Reader, trouble: Trouble) -> impl Stream<Item = Row> + Send {
    stream::unfold((reader, 1, trouble), async |(mut reader, number, trouble)| {
        match next(&mut reader).await {
            Ok(None) => None,
            Ok(Some(text)) => Some((Row { number, text }, (reader, number + 1, trouble))),
            Err(error) => {
                *trouble.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                None
            }
        }
    })
}

/// The next line, if there is one, unless it is too long.
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

/// How many lines there are.
pub(super) async fn count(path: &Path) -> io::Result<u64> {
    let mut file = File::open(path).await?;
    let (mut buffer, mut lines, mut last) = (vec![0; 256 * 1024], 0_u64, b'\n');
    loop {
        let read = file.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(lines + u64::from(last != b'\n'));
        };
        last = bytes.last().copied().unwrap_or(last);
        lines += u64::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn lines_are_numbered_and_bounded() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("lines");
        let long = "x".repeat(2 * LONGEST + 7);
        std::fs::write(&path, format!("a\r\n\n{long}\nb")).unwrap();
        let trouble = Trouble::default();
        let rows = rows(open(&path).await.unwrap(), trouble.clone());
        let rows: Vec<_> = rows.map(|row| (row.number, row.text.map(|text| text.to_vec()))).collect().await;
        let text = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(rows, [(1, text("a")), (2, text("")), (3, None), (4, text("b"))]);
        assert!(trouble.take().is_none());
        assert_eq!(count(&path).await.unwrap(), 4);
    }
}
