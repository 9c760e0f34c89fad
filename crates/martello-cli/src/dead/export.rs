use std::{io, path::Path};

use martello_outbox::{Filter, State, Store};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::{
    Context,
    args::ExportArgs,
    bulk::{count, noun},
    entries::EntryPages,
    error::{CommandError, Exit},
    files::{self, Replacement, Writer},
    interrupt::or_interrupt,
    output::{DetailShape, json},
};

/// Entries per page of the list. Each entry is then read individually, because bodies may be large.
const AT_ONCE: usize = 200;

/// Writes dead letters as NDJSON, one per line.
pub(super) async fn export(context: &mut Context, args: ExportArgs) -> Result<Exit, CommandError> {
    let out = args.out.unwrap_or_else(|| "-".into());
    context.files.writes("--out", &out)?;
    let filter = args.filter.of(&*context.store, Some(State::Dead)).await?;
    count(&*context.store, &filter).await?;
    let work = write(&*context.store, &filter, &out);
    let interrupted = || CommandError::interrupted("interrupted: the export is incomplete");
    let many = or_interrupt(work).await.ok_or_else(interrupted)??;
    if files::is_stdout(&out) {
        return Ok(Exit::Success);
    }
    if context.out.is_json() {
        context.out.document(&json!({ "exported": many, "out": out }))?;
    } else {
        let noun = noun(State::Dead, many);
        context.out.line(format_args!("exported {many} {noun} to {}", out.display()))?;
    }
    Ok(Exit::Success)
}

/// Writes a regular file through a temporary file, so that it is replaced as a whole; anything else directly.
async fn write(store: &dyn Store, filter: &Filter, path: &Path) -> Result<u64, CommandError> {
    if files::is_stdout(path) {
        let (mut out, _) = files::open(path).await?;
        return lines(store, filter, &mut out, CommandError::from).await;
    }
    let unwritten = |error: io::Error| {
        CommandError::other(format!("failed to write {}", path.display())).with_source(error)
    };
    let Some(replacement) = Replacement::of(path).map_err(unwritten)? else {
        let (mut out, _) = files::open(path).await.map_err(unwritten)?;
        return lines(store, filter, &mut out, unwritten).await;
    };
    let mut out = replacement.writer().map_err(unwritten)?;
    let many = lines(store, filter, &mut out, unwritten).await?;
    replacement.finish().map_err(unwritten)?;
    Ok(many)
}

async fn lines(
    store: &dyn Store,
    filter: &Filter,
    out: &mut Writer,
    unwritten: impl Fn(io::Error) -> CommandError,
) -> Result<u64, CommandError> {
    let (mut many, mut pages) = (0, EntryPages::new(store, filter, AT_ONCE));
    while let Some(page) = pages.next().await? {
        for entry in page {
            // `None` if the entry was purged after it was listed.
            let Some(detail) = store.detail(entry.id).await? else { continue };
            let line = json(&DetailShape::new(&detail, true)).map_err(io::Error::from).map_err(&unwritten)?;
            out.write_all(format!("{line}\n").as_bytes()).await.map_err(&unwritten)?;
            many += 1;
        }
    }
    out.flush().await.map_err(&unwritten)?;
    Ok(many)
}
