//! `martello parked`: what a poll could not use.

use martello_poll::{CheckpointError, CheckpointStore, FileCheckpoint, Parked, ParkedFilter, ParkedId};
use serde_json::json;

use crate::{
    args::{ParkedArgs, ParkedCommand, ParkedSelection},
    confirm,
    error::{CommandError, Exit},
    files::{RunFiles, beside_target},
    output::{Output, Table, Time},
};

pub(crate) async fn run(out: &mut Output, args: ParkedArgs) -> Result<Exit, CommandError> {
    let path = args
        .checkpoint
        .ok_or_else(|| CommandError::usage("name the checkpoint of the poll with --checkpoint"))?;
    RunFiles::new().checkpoint(&path)?;
    if !path.exists() && !beside_target(&path, ".parked").exists() {
        return Err(CommandError::not_found(format!("there is no checkpoint at {}", path.display())));
    }
    let store = FileCheckpoint::new(path);
    match args.verb {
        ParkedCommand::List => list(out, &store).await,
        ParkedCommand::Again(chosen) => again(out, &store, &chosen).await,
        ParkedCommand::Discard(chosen) => discard(out, &store, &chosen).await,
    }
}

async fn list(out: &mut Output, store: &FileCheckpoint) -> Result<Exit, CommandError> {
    let parked = all(store).await?;
    if out.is_json() {
        out.document(&json!({ "parked": parked }))?;
        return Ok(Exit::Success);
    }
    let mut table = Table::new(&["ID", "KEY", "STAMP", "PARKED", "IS", "WHY"], &[0]);
    for Parked { id, item, redeliver } in parked {
        table.row([
            id.to_string(),
            item.key,
            item.stamp.map_or("-".to_owned(), |stamp| Time(stamp).to_string()),
            Time(item.parked_at).to_string(),
            if redeliver { "to be printed again" } else { "parked" }.to_owned(),
            item.reason,
        ]);
    }
    out.line(table)?;
    Ok(Exit::Success)
}

async fn again(
    out: &mut Output,
    store: &FileCheckpoint,
    chosen: &ParkedSelection,
) -> Result<Exit, CommandError> {
    let ids = ids(store, chosen).await?;
    if chosen.bulk.dry_run {
        return told(out, "would be printed again", count(&ids), count(&ids));
    }
    let done = store.redeliver(ids.clone()).await.map_err(failed)?;
    told(out, "will be printed again before the next pass", done, count(&ids))
}

async fn discard(
    out: &mut Output,
    store: &FileCheckpoint,
    chosen: &ParkedSelection,
) -> Result<Exit, CommandError> {
    let ids = ids(store, chosen).await?;
    if chosen.bulk.dry_run {
        return told(out, "would be discarded", count(&ids), count(&ids));
    }
    if chosen.all {
        confirm::confirm(chosen.bulk, &format!("discard {} for good", ids.len())).await?;
    }
    let done = store.discard(ids.clone()).await.map_err(failed)?;
    told(out, "discarded", done, count(&ids))
}

/// All that are parked.
async fn all(store: &FileCheckpoint) -> Result<Vec<Parked>, CommandError> {
    let filter = ParkedFilter { limit: Parked::MAX_ITEMS, ..ParkedFilter::default() };
    store.parked(filter).await.map_err(failed)
}

async fn ids(store: &FileCheckpoint, chosen: &ParkedSelection) -> Result<Vec<ParkedId>, CommandError> {
    if !chosen.all {
        return Ok(chosen.ids.iter().copied().map(ParkedId).collect());
    }
    let ids: Vec<_> = all(store).await?.iter().map(|parked| parked.id).collect();
    if ids.is_empty() { Err(CommandError::not_found("nothing is parked")) } else { Ok(ids) }
}

fn count(ids: &[ParkedId]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}

fn told(out: &mut Output, what: &str, done: u64, of: u64) -> Result<Exit, CommandError> {
    if done == 0 {
        return Err(CommandError::not_found("none of these is parked"));
    }
    if out.is_json() {
        out.document(&json!({ "matched": of, "done": done }))?;
    } else {
        out.line(format_args!("{done} of {of} {what}"))?;
    }
    Ok(if done == of { Exit::Success } else { Exit::Partial })
}

fn failed(error: CheckpointError) -> CommandError {
    CommandError::other("what is parked cannot be used").with_source(error)
}
