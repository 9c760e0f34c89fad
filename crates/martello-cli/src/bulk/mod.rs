//! One change to many entries.

mod tally;

use std::sync::Arc;

use martello_outbox::{Change, Entry, EntryId, Filter, State, Store, StoreError};
use tokio::task::JoinSet;

pub(crate) use tally::Tally;

use crate::{
    Context,
    args::{Bulk, Target, Targets},
    ask,
    entries::Pages,
    failure::{Exit, Failure},
    interrupt::or_interrupt,
};

/// How many changes are under way at once: the store commits those together that wait for it.
const AT_ONCE: usize = 200;

/// A change, the state that it needs, and its words.
pub(crate) struct Act {
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
pub(crate) async fn run(context: &mut Context, targets: Targets, act: Act) -> Result<Exit, Failure> {
    let bulk = targets.matching.bulk;
    match targets.target(&*context.store, act.of).await? {
        Target::Ids(ids) => named(context, ids, bulk.dry_run, &act).await,
        Target::Matching(filter) => matching(context, &filter, bulk, &act).await,
    }
}

/// How many match; none is an error.
pub(crate) async fn count(store: &dyn Store, filter: &Filter) -> Result<u64, Failure> {
    let noun = noun(filter.state.unwrap_or(State::Ready), 0);
    match store.count(filter.clone()).await? {
        0 if filter.is_open() => Err(Failure::not_found(format!("there are no {noun}"))),
        0 => Err(Failure::not_found(format!("the filter matches none of the {noun}"))),
        many => Ok(many),
    }
}

/// Does it to each of these, in turn; one that cannot be changed stops no other.
async fn named(context: &mut Context, ids: Vec<EntryId>, dry_run: bool, act: &Act) -> Result<Exit, Failure> {
    let mut tally = Tally::new(act.past, dry_run);
    for id in ids {
        let changed = if dry_run {
            look(&*context.store, id, act.of).await
        } else {
            context.store.change(id, act.change.clone()).await
        };
        tally.note(id, changed)?;
    }
    tally.tell(&mut context.out, act.verb, act.of)
}

/// The entry, if it is in this state.
pub(crate) async fn look(store: &dyn Store, id: EntryId, state: State) -> Result<Entry, StoreError> {
    match store.entry(id).await? {
        Some(entry) if entry.state == state => Ok(entry),
        Some(entry) => Err(StoreError::conflict(id, entry.state, state)),
        None => Err(StoreError::no_entry(id)),
    }
}

async fn matching(context: &mut Context, filter: &Filter, bulk: Bulk, act: &Act) -> Result<Exit, Failure> {
    let matched = count(&*context.store, filter).await?;
    let mut tally = Tally::new(act.past, bulk.dry_run);
    if bulk.dry_run {
        tally.matched = matched;
        return tally.tell(&mut context.out, act.verb, act.of);
    }
    ask::confirm(bulk, &format!("{} {matched} {}", act.verb, noun(act.of, matched))).await?;
    let walked = or_interrupt(walk(&context.store, filter, act, &mut tally)).await;
    walked.unwrap_or_else(|| {
        let (past, done) = (act.past, tally.done);
        Err(Failure::interrupted(format!(
            "interrupted: {done} were {past} for certain, up to {AT_ONCE} more perhaps"
        )))
    })?;
    tally.tell(&mut context.out, act.verb, act.of)
}

/// Page after page, each at once.
async fn walk(store: &Arc<dyn Store>, filter: &Filter, act: &Act, tally: &mut Tally) -> Result<(), Failure> {
    let mut pages = Pages::new(&**store, filter, AT_ONCE);
    while let Some(page) = pages.next().await? {
        let mut changes = JoinSet::new();
        for entry in page {
            let (store, change) = (Arc::clone(store), act.change.clone());
            changes.spawn(async move { (entry.id, store.change(entry.id, change).await) });
        }
        while let Some(changed) = changes.join_next().await {
            let (id, changed) =
                changed.map_err(|error| Failure::other("a change panicked").because(error))?;
            tally.note(id, changed)?;
        }
    }
    Ok(())
}
