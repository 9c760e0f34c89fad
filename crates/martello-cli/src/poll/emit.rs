//! Writes items to standard output.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use martello_poll::{Batch, RawValue};
use tokio::task::spawn_blocking;

use crate::output::printable_json;

/// Formats the lines of a batch, and messages about items that lack the `--print` field, which it parks.
pub(super) fn lines(batch: &Batch<'_>, field: Option<&str>) -> (Vec<u8>, Vec<String>) {
    let (mut lines, mut messages) = (Vec::new(), Vec::new());
    for item in batch.items() {
        match line(item.json(), field) {
            Some(json) => {
                // Newlines can only stand between tokens: a JSON string does not contain them.
                lines.extend(printable_json(&json).bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')));
                lines.push(b'\n');
            }
            None => {
                let why = format!("it lacks the field {}, which --print names", field.unwrap_or_default());
                messages.push(format!("{}: {why}; parked", item.position()));
                batch.reject(item, why);
            }
        }
    }
    (lines, messages)
}

fn line(json: &str, field: Option<&str>) -> Option<String> {
    let Some(field) = field else { return Some(json.to_owned()) };
    let mut fields: HashMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    fields.remove(field).map(|value| value.get().to_owned())
}

/// Writes and flushes the lines on a blocking thread; to a file, also syncs them to disk.
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

/// Syncs a file, so that a power failure cannot lose lines that the checkpoint says were printed.
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
