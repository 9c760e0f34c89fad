//! One change to many entries.

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

/// How many changes are under way at once: the store commits those together that wait for it.
const AT_ONCE: usize = 200;

/// A change, the state that it needs, and its words.
pub(crate) struct BulkAction {
    pub(crate) change: Change,
    pub(crate) of: State,
    pub(crate) verb: &'static str,
    pub(crate) past: &'static str,
}

/// What entries in this state are called.
pub(crate) fn noun(state: State, many: u64) -> &'static str {
    match (state, many) {
        (State::Dead, 1) => "dead letter",
        (State::Dead, _) => "dead letters",
        (_, 1) => "waiting request",
        _ => "waiting requests",
    }
}

/// Does it to those that are named, or to those that match once somebody is sure.
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

/// How many match; none is an error.
pub(crate) async fn count(store: &dyn Store, filter: &Filter) -> Result<u64, CommandError> {
    let noun = noun(filter.state.unwrap_or(State::Ready), 0);
    match store.count(filter.clone()).await? {
        0 if filter.is_open() => Err(CommandError::not_found(format!("there are no {noun}"))),
        0 => Err(CommandError::not_found(format!("the filter matches none of the {noun}"))),
        many => Ok(many),
    }
}

/// Does it to each of these, in turn; one that cannot be changed stops no other.
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
    result.tell(&mut context.out, act.verb, act.of)
}

/// The entry, if it is in this state.
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
        return result.tell(&mut context.out, act.verb, act.of);
    }
    confirm::confirm(bulk, &format!("{} {matched} {}", act.verb, noun(act.of, matched))).await?;
    let walked = or_interrupt(walk(&context.store, filter, act, &mut result)).await;
    walked.unwrap_or_else(|| {
        let (past, done) = (act.past, result.done);
        Err(CommandError::interrupted(format!(
            "interrupted: {done} were {past} for certain, up to {AT_ONCE} more perhaps"
        )))
    })?;
    result.tell(&mut context.out, act.verb, act.of)
}

/// Page after page, each at once.
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
