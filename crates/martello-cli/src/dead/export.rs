use std::{
    io::{self, BufWriter, Write},
    path::Path,
};

use martello_outbox::{Filter, State, Store};
use serde_json::json;
use tempfile::NamedTempFile;

use crate::{
    Context,
    args::Export,
    bulk::{count, noun},
    entries::Pages,
    failure::{Exit, Failure},
    interrupt::or_ctrl_c,
    output::DetailShape,
};

/// How many are listed at once; each is then read alone, for its bodies may be large.
const AT_ONCE: usize = 200;

/// Writes dead letters whole, a line each.
pub(super) async fn export(context: &mut Context, args: Export) -> Result<Exit, Failure> {
    let filter = args.filter.of(Some(State::Dead));
    count(&*context.store, &filter).await?;
    let work = write(&*context.store, &filter, args.out.as_deref());
    let interrupted = || Failure::interrupted("interrupted: the export is not complete");
    let many = or_ctrl_c(work).await.ok_or_else(interrupted)??;
    match args.out {
        Some(path) if context.out.is_json() => {
            context.out.document(&json!({ "exported": many, "out": path }))?;
        }
        Some(path) => {
            let noun = noun(State::Dead, many);
            context.out.line(format_args!("exported {many} {noun} to {}", path.display()))?;
        }
        None => {}
    }
    Ok(Exit::Well)
}

async fn write(store: &dyn Store, filter: &Filter, path: Option<&Path>) -> Result<u64, Failure> {
    match path {
        Some(path) => to_file(store, filter, path).await,
        None => lines(store, filter, &mut BufWriter::new(io::stdout())).await,
    }
}

/// Into a file beside it, for its owner alone, which then takes its place: there is never half of it.
async fn to_file(store: &dyn Store, filter: &Filter, path: &Path) -> Result<u64, Failure> {
    let unwritten =
        |error: io::Error| Failure::other(format!("{} cannot be written", path.display())).because(error);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory).map_err(unwritten)?;
    let mut out = BufWriter::new(file.as_file_mut());
    let many = lines(store, filter, &mut out).await?;
    drop(out);
    file.as_file().sync_all().map_err(unwritten)?;
    file.persist(path).map_err(|error| unwritten(error.error))?;
    Ok(many)
}

async fn lines(store: &dyn Store, filter: &Filter, out: &mut impl Write) -> Result<u64, Failure> {
    let (mut many, mut pages) = (0, Pages::new(store, filter, AT_ONCE));
    while let Some(page) = pages.next().await? {
        for entry in page {
            // It may have been purged since it was listed.
            let Some(detail) = store.detail(entry.id).await? else { continue };
            serde_json::to_writer(&mut *out, &DetailShape::new(&detail, true)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
            many += 1;
        }
    }
    out.flush()?;
    Ok(many)
}
