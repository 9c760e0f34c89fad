//! Applies one change to many entries.

mod result;

use std::sync::Arc;

use martello_outbox::{Change, Entry, EntryId, Filter, State, Store, StoreError};
use tokio::task::JoinSet;

pub(crate) use result::BulkResult;

use crate::{
    Context,
    args::{BulkArgs, Selection, SelectionArgs},
    confirm,
    entries::EntryPages,
    error::{CommandError, Exit},
    interrupt::or_interrupt,
};

/// How many changes run concurrently; the store commits waiting changes in one transaction.
const AT_ONCE: usize = 200;

/// A change, the state that an entry must have for it, and the verb in messages.
pub(crate) struct BulkAction {
    pub(crate) change: Change,
    pub(crate) of: State,
    pub(crate) verb: &'static str,
    pub(crate) past: &'static str,
}

/// The noun for entries in this state.
pub(crate) fn noun(state: State, many: u64) -> &'static str {
    match (state, many) {
        (State::Dead, 1) => "dead letter",
        (State::Dead, _) => "dead letters",
        (_, 1) => "waiting request",
        _ => "waiting requests",
    }
}

/// Applies the change to the given ids, or, after confirmation, to all matches of the filter.
pub(crate) async fn run(
    context: &mut Context,
    selection: SelectionArgs,
    act: BulkAction,
) -> Result<Exit, CommandError> {
    let bulk = selection.matching.bulk;
    match selection.resolve(&*context.store, act.of).await? {
        Selection::Ids(ids) => named(context, ids, bulk.dry_run, &act).await,
        Selection::Matching(filter) => matching(context, &filter, bulk, &act).await,
    }
}

/// Counts the matches; it is an error if there are none.
pub(crate) async fn count(store: &dyn Store, filter: &Filter) -> Result<u64, CommandError> {
    let noun = noun(filter.state.unwrap_or(State::Ready), 0);
    match store.count(filter.clone()).await? {
        0 if filter.is_open() => Err(CommandError::not_found(format!("the store has no {noun}"))),
        0 => Err(CommandError::not_found(format!("no {noun} match the filter"))),
        many => Ok(many),
    }
}

/// Changes these entries one after the other; an entry that cannot be changed does not stop the rest.
async fn named(
    context: &mut Context,
    ids: Vec<EntryId>,
    dry_run: bool,
    act: &BulkAction,
) -> Result<Exit, CommandError> {
    let mut result = BulkResult::new(act.past, dry_run);
    for id in ids {
        let changed = if dry_run {
            look(&*context.store, id, act.of).await
        } else {
            context.store.change(id, act.change.clone()).await
        };
        result.note(id, changed)?;
    }
    result.print(&mut context.out, act.verb, act.of)
}

/// Reads the entry; an error unless it is in this state.
pub(crate) async fn look(store: &dyn Store, id: EntryId, state: State) -> Result<Entry, StoreError> {
    match store.entry(id).await? {
        Some(entry) if entry.state == state => Ok(entry),
        Some(entry) => Err(StoreError::conflict(id, entry.state, state)),
        None => Err(StoreError::no_entry(id)),
    }
}

async fn matching(
    context: &mut Context,
    filter: &Filter,
    bulk: BulkArgs,
    act: &BulkAction,
) -> Result<Exit, CommandError> {
    let matched = count(&*context.store, filter).await?;
    let mut result = BulkResult::new(act.past, bulk.dry_run);
    if bulk.dry_run {
        result.matched = matched;
        return result.print(&mut context.out, act.verb, act.of);
    }
    confirm::confirm(bulk, &format!("{} {matched} {}", act.verb, noun(act.of, matched))).await?;
    let walked = or_interrupt(walk(&context.store, filter, act, &mut result)).await;
    walked.unwrap_or_else(|| {
        let (past, done) = (act.past, result.done);
        Err(CommandError::interrupted(format!(
            "interrupted: {past} {done} {}, and possibly up to {AT_ONCE} more",
            noun(act.of, done)
        )))
    })?;
    result.print(&mut context.out, act.verb, act.of)
}

/// Changes all matches, page by page, the entries of a page concurrently.
async fn walk(
    store: &Arc<dyn Store>,
    filter: &Filter,
    act: &BulkAction,
    result: &mut BulkResult,
) -> Result<(), CommandError> {
    let mut pages = EntryPages::new(&**store, filter, AT_ONCE);
    while let Some(page) = pages.next().await? {
        let mut changes = JoinSet::new();
        for entry in page {
            let (store, change) = (Arc::clone(store), act.change.clone());
            changes.spawn(async move { (entry.id, store.change(entry.id, change).await) });
        }
        while let Some(changed) = changes.join_next().await {
            let (id, changed) =
                changed.map_err(|error| CommandError::other("a change panicked").with_source(error))?;
            result.note(id, changed)?;
        }
    }
    Ok(())
}
