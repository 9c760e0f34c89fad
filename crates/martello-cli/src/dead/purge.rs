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

/// Deletes the given dead letters, or all matches of the filter that are not protected.
pub(super) async fn purge(context: &mut Context, selection: SelectionArgs) -> Result<Exit, CommandError> {
    let bulk = selection.matching.bulk;
    match selection.resolve(&*context.store, State::Dead).await? {
        Selection::Ids(ids) => named(context, ids, bulk.dry_run).await,
        Selection::Matching(filter) => matching(context, filter, bulk).await,
    }
}

/// Deletes these one after the other; one that cannot be deleted does not stop the rest.
async fn named(context: &mut Context, ids: Vec<EntryId>, dry_run: bool) -> Result<Exit, CommandError> {
    let mut result = BulkResult::new("purged", dry_run);
    for id in ids {
        result.note(id, one(&*context.store, id, dry_run).await)?;
    }
    result.print(&mut context.out, "purge", State::Dead)
}

async fn one(store: &dyn Store, id: EntryId, dry_run: bool) -> Result<Entry, StoreError> {
    let entry = look(store, id, State::Dead).await?;
    if entry.protected {
        let why = format!("entry {id} is protected: run `martello dead unprotect {id}` first");
        return Err(StoreError::new(StoreErrorKind::Conflict, why));
    }
    let of = Filter { id: Some(id), ..Filter::state(State::Dead) };
    match dry_run || store.purge(Purge::Matching(of)).await? > 0 {
        true => Ok(entry),
        false => Err(StoreError::new(
            StoreErrorKind::Conflict,
            format!("entry {id} was not purged: another program changed it; run the command again"),
        )),
    }
}

async fn matching(context: &mut Context, filter: Filter, bulk: BulkArgs) -> Result<Exit, CommandError> {
    let store = &*context.store;
    let matched = count(store, &filter).await?;
    let protected = count_protected(store, &filter).await?;
    let unprotected = matched.saturating_sub(protected);
    if unprotected == 0 {
        let which = match matched {
            1 => "the matching dead letter is".to_owned(),
            _ => format!("all {matched} matching dead letters are"),
        };
        return Err(CommandError::conflict(format!(
            "{which} protected: run `martello dead unprotect` first"
        )));
    }
    let except = match protected {
        0 => String::new(),
        1 => " (1 more is protected)".to_owned(),
        more => format!(" ({more} more are protected)"),
    };
    let done = if bulk.dry_run {
        0
    } else {
        confirm::confirm(
            bulk,
            &format!("permanently delete {unprotected} {}{except}", noun(State::Dead, unprotected)),
        )
        .await?;
        let purge = if filter.is_open() { Purge::All } else { Purge::matching(filter)? };
        store.purge(purge).await?
    };
    let out = &mut context.out;
    if out.is_json() {
        let (verb, dry_run) = ("purged", bulk.dry_run);
        out.document(
            &json!({"verb": verb, "dry_run": dry_run, "matched": matched, "kept": protected, "done": done}),
        )?;
    } else if bulk.dry_run {
        out.line(format_args!("would purge {unprotected} {}{except}", noun(State::Dead, unprotected)))?;
    } else {
        out.line(format_args!("purged {done} {}{except}", noun(State::Dead, done)))?;
    }
    Ok(Exit::Success)
}

/// How many matches are protected.
async fn count_protected(store: &dyn Store, filter: &Filter) -> Result<u64, CommandError> {
    let (mut protected, mut pages) = (0, EntryPages::new(store, filter, 1_000));
    while let Some(page) = pages.next().await? {
        protected += page.iter().map(|entry| u64::from(entry.protected)).sum::<u64>();
    }
    Ok(protected)
}
