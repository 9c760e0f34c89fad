use martello_outbox::{Change, Entry, EntryId, State, Store, StoreError, StoreErrorKind, WhenOvertaken};

use super::watch;
use crate::{
    Context,
    bulk::{BulkResult, look},
    entries::meaning,
    error::{CommandError, Exit},
};

/// Puts these dead letters back immediately.
pub(super) async fn replay(
    context: &mut Context,
    ids: Vec<EntryId>,
    overtaken: WhenOvertaken,
    dry_run: bool,
    watch: bool,
) -> Result<Exit, CommandError> {
    let mut result = BulkResult::new("replayed", dry_run);
    let mut replayed = Vec::new();
    for id in ids {
        let changed = one(&*context.store, id, overtaken, dry_run).await;
        replayed.extend(changed.as_ref().ok().map(|entry| entry.id));
        result.note(id, changed)?;
    }
    if !watch || dry_run {
        return result.print(&mut context.out, "replay", State::Dead);
    }
    let json = context.out.is_json();
    let exit = if json { result.exit()? } else { result.print(&mut context.out, "replay", State::Dead)? };
    let ended = watch::entries(context, &replayed).await?;
    Ok(if exit == Exit::Success { ended } else { exit })
}

async fn one(
    store: &dyn Store,
    id: EntryId,
    overtaken: WhenOvertaken,
    dry_run: bool,
) -> Result<Entry, StoreError> {
    let entry = look(store, id, State::Dead).await?;
    if let (WhenOvertaken::Refuse, Some(how)) = (overtaken, entry.overtaken) {
        let why = format!("entry {id} is overtaken: {}; add --overwrite to replay it anyway", meaning(how));
        return Err(StoreError::new(StoreErrorKind::Conflict, why));
    }
    if dry_run { Ok(entry) } else { store.change(id, Change::Replay(overtaken)).await }
}
