//! `martello parked`: what a poll could not use.

use martello_poll::{CheckpointStore, FileCheckpoint, Parked, ParkedFilter, ParkedId, StoreError};
use serde_json::json;

use crate::{
    args::{self, Chosen, ParkedVerb},
    ask,
    failure::{Exit, Failure},
    files::{RunFiles, beside_target},
    output::{Output, Table, Time},
};

pub(crate) async fn run(out: &mut Output, args: args::Parked) -> Result<Exit, Failure> {
    let path =
        args.checkpoint.ok_or_else(|| Failure::usage("name the checkpoint of the poll with --checkpoint"))?;
    RunFiles::new().checkpoint(&path)?;
    if !path.exists() && !beside_target(&path, ".parked").exists() {
        return Err(Failure::not_found(format!("there is no checkpoint at {}", path.display())));
    }
    let store = FileCheckpoint::new(path);
    match args.verb {
        ParkedVerb::List => list(out, &store).await,
        ParkedVerb::Again(chosen) => again(out, &store, &chosen).await,
        ParkedVerb::Discard(chosen) => discard(out, &store, &chosen).await,
    }
}

async fn list(out: &mut Output, store: &FileCheckpoint) -> Result<Exit, Failure> {
    let parked = all(store).await?;
    if out.is_json() {
        out.document(&json!({ "parked": parked }))?;
        return Ok(Exit::Well);
    }
    let mut table = Table::new(&["ID", "KEY", "STAMP", "PARKED", "IS", "WHY"], &[0]);
    for Parked { id, item, again } in parked {
        table.row([
            id.to_string(),
            item.key,
            item.stamp.map_or("-".to_owned(), |stamp| Time(stamp).to_string()),
            Time(item.parked_at).to_string(),
            if again { "to be printed again" } else { "parked" }.to_owned(),
            item.reason,
        ]);
    }
    out.line(table)?;
    Ok(Exit::Well)
}

async fn again(out: &mut Output, store: &FileCheckpoint, chosen: &Chosen) -> Result<Exit, Failure> {
    let ids = ids(store, chosen).await?;
    if chosen.bulk.dry_run {
        return told(out, "would be printed again", count(&ids), count(&ids));
    }
    let done = store.emit_again(ids.clone()).await.map_err(failed)?;
    told(out, "will be printed again before the next pass", done, count(&ids))
}

async fn discard(out: &mut Output, store: &FileCheckpoint, chosen: &Chosen) -> Result<Exit, Failure> {
    let ids = ids(store, chosen).await?;
    if chosen.bulk.dry_run {
        return told(out, "would be discarded", count(&ids), count(&ids));
    }
    if chosen.all {
        ask::confirm(chosen.bulk, &format!("discard {} for good", ids.len())).await?;
    }
    let done = store.discard(ids.clone()).await.map_err(failed)?;
    told(out, "discarded", done, count(&ids))
}

/// All that are parked.
async fn all(store: &FileCheckpoint) -> Result<Vec<Parked>, Failure> {
    let filter = ParkedFilter { limit: Parked::MOST, ..ParkedFilter::default() };
    store.parked(filter).await.map_err(failed)
}

async fn ids(store: &FileCheckpoint, chosen: &Chosen) -> Result<Vec<ParkedId>, Failure> {
    if !chosen.all {
        return Ok(chosen.ids.iter().copied().map(ParkedId).collect());
    }
    let ids: Vec<_> = all(store).await?.iter().map(|parked| parked.id).collect();
    if ids.is_empty() { Err(Failure::not_found("nothing is parked")) } else { Ok(ids) }
}

fn count(ids: &[ParkedId]) -> u64 {
    u64::try_from(ids.len()).unwrap_or(u64::MAX)
}

fn told(out: &mut Output, what: &str, done: u64, of: u64) -> Result<Exit, Failure> {
    if done == 0 {
        return Err(Failure::not_found("none of these is parked"));
    }
    if out.is_json() {
        out.document(&json!({ "matched": of, "done": done }))?;
    } else {
        out.line(format_args!("{done} of {of} {what}"))?;
    }
    Ok(if done == of { Exit::Well } else { Exit::Partly })
}

fn failed(error: StoreError) -> Failure {
    Failure::other("what is parked cannot be used").because(error)
}
