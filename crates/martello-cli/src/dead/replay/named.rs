use martello_outbox::{Change, Entry, EntryId, State, Store, StoreError, StoreErrorKind};

use super::watch;
use crate::{
    Context,
    bulk::{Act, Tally, look},
    failure::{Exit, Failure},
};

const REPLAY: Act = Act { change: Change::Replay, of: State::Dead, verb: "replay", past: "replayed" };

/// Puts these back, now.
pub(super) async fn replay(
    context: &mut Context,
    ids: Vec<EntryId>,
    overwrite: bool,
    dry_run: bool,
    watch: bool,
) -> Result<Exit, Failure> {
    let mut tally = Tally::new(REPLAY.past, dry_run);
    let mut replayed = Vec::new();
    for id in ids {
        let changed = one(&*context.store, id, overwrite, dry_run).await;
        replayed.extend(changed.as_ref().ok().map(|entry| entry.id));
        tally.note(id, changed)?;
    }
    if !watch || dry_run {
        return tally.tell(&mut context.out, &REPLAY);
    }
    let json = context.out.is_json();
    let told = if json { tally.exit()? } else { tally.tell(&mut context.out, &REPLAY)? };
    let ended = watch::entries(context, &replayed).await?;
    Ok(if told == Exit::Well { ended } else { told })
}

async fn one(store: &dyn Store, id: EntryId, overwrite: bool, dry_run: bool) -> Result<Entry, StoreError> {
    look(store, id, State::Dead).await?;
    let overtaken = !overwrite && store.detail(id).await?.is_some_and(|detail| detail.overtaken);
    if overtaken {
        let why = format!(
            "a newer request of the key of {id} was delivered since, and a replay would overwrite it: \
             --overwrite does it all the same"
        );
        return Err(StoreError::new(StoreErrorKind::Conflict, why));
    }
    if dry_run { look(store, id, State::Dead).await } else { store.change(id, Change::Replay).await }
}
