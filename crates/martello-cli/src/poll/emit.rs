//! Items on the standard output.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use martello_poll::{Batch, RawValue};
use tokio::task::spawn_blocking;

use crate::output::printable_json;

/// The lines of a batch. An item that lacks the field to be printed is parked.
pub(super) fn lines(batch: &Batch<'_>, field: Option<&str>) -> (Vec<u8>, Vec<String>) {
    let (mut lines, mut told) = (Vec::new(), Vec::new());
    for item in batch.items() {
        match line(item.json(), field) {
            Some(json) => {
                // Between the tokens of a JSON text only: in a string there is none.
                lines.extend(printable_json(&json).bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
                lines.push(b'\n');
            }
            None => {
                let why = format!("it has no {}, which is to be printed", field.unwrap_or_default());
                told.push(format!("{}: {why}; it is parked", item.position()));
                batch.reject(item, why);
            }
        }
    }
    (lines, told)
}

fn line(json: &str, field: Option<&str>) -> Option<String> {
    let Some(field) = field else { return Some(json.to_owned()) };
    let mut fields: HashMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    fields.remove(field).map(|value| value.get().to_owned())
}

/// Writes them, on a thread that may wait for the reader. When it returns they are out of our hands; in a file, on the disk.
pub(super) async fn write(lines: Vec<u8>) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let work = move || {
        let mut stdout = io::stdout().lock();
        stdout.write_all(&lines)?;
        stdout.flush()?;
        sync(&stdout)
    };
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// A loss of power must not take what a checkpoint says was seen.
#[cfg(unix)]
fn sync(stdout: &io::StdoutLock<'_>) -> io::Result<()> {
    use std::os::fd::AsFd;
    let file = std::fs::File::from(stdout.as_fd().try_clone_to_owned()?);
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

#[cfg(not(unix))]
fn sync(_: &io::StdoutLock<'_>) -> io::Result<()> {
    Ok(())
}
