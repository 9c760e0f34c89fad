//! `martello parked`: the items that a poll could not use.

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
    let path = args.checkpoint.ok_or_else(|| {
        CommandError::usage("--checkpoint is missing: give the checkpoint file of the poll")
    })?;
    RunFiles::new().checkpoint(&path)?;
    if !path.exists() && !beside_target(&path, ".parked").exists() {
        return Err(CommandError::not_found(format!(
            "checkpoint {} does not exist: check --checkpoint",
            path.display()
        )));
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
    let mut table = Table::new(&["ID", "KEY", "STAMP", "PARKED", "STATUS", "REASON"], &[0]);
    for Parked { id, item, redeliver } in parked {
        table.row([
            id.to_string(),
            item.key,
            item.stamp.map_or("-".to_owned(), |stamp| Time(stamp).to_string()),
            Time(item.parked_at).to_string(),
            if redeliver { "will be printed again" } else { "parked" }.to_owned(),
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
        return report(out, "would be printed again", count(&ids), count(&ids));
    }
    let done = store.redeliver(ids.clone()).await.map_err(failed)?;
    report(out, "will be printed again before the next pass", done, count(&ids))
}

async fn discard(
    out: &mut Output,
    store: &FileCheckpoint,
    chosen: &ParkedSelection,
) -> Result<Exit, CommandError> {
    let ids = ids(store, chosen).await?;
    if chosen.bulk.dry_run {
        return report(out, "would be discarded", count(&ids), count(&ids));
    }
    if chosen.all {
        confirm::confirm(chosen.bulk, &format!("permanently discard {}", items(count(&ids)))).await?;
    }
    let done = store.discard(ids.clone()).await.map_err(failed)?;
    report(out, "discarded", done, count(&ids))
}

/// All parked items.
async fn all(store: &FileCheckpoint) -> Result<Vec<Parked>, CommandError> {
    let filter = ParkedFilter { limit: Parked::MAX_ITEMS, ..ParkedFilter::default() };
    store.parked(filter).await.map_err(failed)
}

async fn ids(store: &FileCheckpoint, chosen: &ParkedSelection) -> Result<Vec<ParkedId>, CommandError> {
    if !chosen.all {
        return Ok(chosen.ids.iter().copied().map(ParkedId).collect());
    }
    let ids: Vec<_> = all(store).await?.iter().map(|parked| parked.id).collect();
    if ids.is_empty() { Err(CommandError::not_found("the poll has no parked items")) } else { Ok(ids) }
}

fn count(ids: &[ParkedId]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}

fn items(count: u64) -> String {
    if count == 1 { "1 parked item".to_owned() } else { format!("{count} parked items") }
}

fn report(out: &mut Output, what: &str, done: u64, of: u64) -> Result<Exit, CommandError> {
    if done == 0 {
        return Err(CommandError::not_found(
            "no parked item has one of these ids: see `martello parked list`",
        ));
    }
    if out.is_json() {
        out.document(&json!({ "matched": of, "done": done }))?;
    } else {
        out.line(format_args!("{done} of {} {what}", items(of)))?;
    }
    Ok(if done == of { Exit::Success } else { Exit::Partial })
}

fn failed(error: CheckpointError) -> CommandError {
    CommandError::other("failed to read or change the parked items").with_source(error)
}
