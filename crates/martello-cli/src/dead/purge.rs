use martello_outbox::{Entry, EntryId, Filter, Purge, State, Store, StoreError, StoreErrorKind};
use serde_json::json;

use crate::{
    Context,
    args::{BulkArgs, Selection, SelectionArgs},
    bulk::{BulkResult, count, look, noun},
    confirm,
    entries::EntryPages,
    error::{CommandError, Exit},
};

/// Deletes for good those that are named, or those that match and are not kept.
pub(super) async fn purge(context: &mut Context, selection: SelectionArgs) -> Result<Exit, CommandError> {
    let bulk = selection.matching.bulk;
    match selection.resolve(&*context.store, State::Dead).await? {
        Selection::Ids(ids) => named(context, ids, bulk.dry_run).await,
        Selection::Matching(filter) => matching(context, filter, bulk).await,
    }
}

/// Deletes each of these, in turn; one that cannot be deleted stops no other.
async fn named(context: &mut Context, ids: Vec<EntryId>, dry_run: bool) -> Result<Exit, CommandError> {
    let mut result = BulkResult::new("purged", dry_run);
    for id in ids {
        result.note(id, one(&*context.store, id, dry_run).await)?;
    }
    result.tell(&mut context.out, "purge", State::Dead)
}

async fn one(store: &dyn Store, id: EntryId, dry_run: bool) -> Result<Entry, StoreError> {
    let entry = look(store, id, State::Dead).await?;
    if entry.protected {
        let why = format!("entry {id} is kept: `martello dead unkeep` ends that");
        return Err(StoreError::new(StoreErrorKind::Conflict, why));
    }
    let of = Filter { id: Some(id), ..Filter::state(State::Dead) };
    match dry_run || store.purge(Purge::Matching(of)).await? > 0 {
        true => Ok(entry),
        false => Err(StoreError::new(StoreErrorKind::Conflict, format!("entry {id} was changed meanwhile"))),
    }
}

async fn matching(context: &mut Context, filter: Filter, bulk: BulkArgs) -> Result<Exit, CommandError> {
    let store = &*context.store;
    let matched = count(store, &filter).await?;
    let kept = kept(store, &filter).await?;
    let loose = matched.saturating_sub(kept);
    if loose == 0 {
        return Err(CommandError::conflict(format!(
            "all {matched} are kept: `martello dead unkeep` ends that"
        )));
    }
    let except = if kept == 0 { String::new() } else { format!(" ({kept} more are kept)") };
    let done = if bulk.dry_run {
        0
    } else {
        confirm::confirm(bulk, &format!("delete {loose} {} for good{except}", noun(State::Dead, loose)))
            .await?;
        let purge = if filter.is_open() { Purge::All } else { Purge::matching(filter)? };
        store.purge(purge).await?
    };
    let out = &mut context.out;
    if out.is_json() {
        let (verb, dry_run) = ("purged", bulk.dry_run);
        out.document(
            &json!({"verb": verb, "dry_run": dry_run, "matched": matched, "kept": kept, "done": done}),
        )?;
    } else if bulk.dry_run {
        out.line(format_args!("would purge {loose} {}{except}", noun(State::Dead, loose)))?;
    } else {
        out.line(format_args!("purged {done} {}{except}", noun(State::Dead, done)))?;
    }
    Ok(Exit::Success)
}

/// How many of those that match are kept.
async fn kept(store: &dyn Store, filter: &Filter) -> Result<u64, CommandError> {
    let (mut kept, mut pages) = (0, EntryPages::new(store, filter, 1_000));
    while let Some(page) = pages.next().await? {
        kept += page.iter().map(|entry| u64::from(entry.protected)).sum::<u64>();
    }
    Ok(kept)
}
