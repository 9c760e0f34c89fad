use martello_outbox::{Filter, Purge as Purged, State, Store};
use serde_json::json;

use crate::{
    Context,
    args::Purge,
    ask,
    bulk::{count, noun},
    entries::Pages,
    failure::{Exit, Failure},
};

/// Deletes for good what matches and is not kept.
pub(super) async fn purge(context: &mut Context, args: Purge) -> Result<Exit, Failure> {
    let bulk = args.matching.bulk;
    let filter = args.matching.filter(State::Dead)?;
    let store = &*context.store;
    let matched = count(store, &filter).await?;
    let kept = kept(store, &filter).await?;
    let loose = matched.saturating_sub(kept);
    if loose == 0 {
        return Err(Failure::conflict(format!("all {matched} are kept: `martello dead unkeep` ends that")));
    }
    let except = if kept == 0 { String::new() } else { format!(" ({kept} more are kept)") };
    let done = if bulk.dry_run {
        0
    } else {
        ask::confirm(bulk, &format!("delete {loose} {} for good{except}", noun(State::Dead, loose))).await?;
        let purge = if filter.is_open() { Purged::All } else { Purged::matching(filter)? };
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
    Ok(Exit::Well)
}

/// How many of those that match are kept.
async fn kept(store: &dyn Store, filter: &Filter) -> Result<u64, Failure> {
    let (mut kept, mut pages) = (0, Pages::new(store, filter, 1_000));
    while let Some(page) = pages.next().await? {
        kept += page.iter().map(|entry| u64::from(entry.kept)).sum::<u64>();
    }
    Ok(kept)
}
