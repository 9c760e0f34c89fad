use super::{data::Data, row::Moment};
use crate::{
    Change, Entry, EntryId, EventKind, Reason, Revision, State, StoreError, WhenOvertaken,
    store::arguments::required_state,
};

impl Data {
    pub(super) fn change(
        &mut self,
        id: EntryId,
        change: Change,
        at: &mut Moment,
    ) -> Result<Entry, StoreError> {
        let (in_the_way, refusal) = (self.newer_is_leased(id), self.refusal(id));
        let row = self.row_mut(id)?;
        let wanted = required_state(&change);
        if row.entry.state != wanted {
            return Err(StoreError::conflict(id, row.entry.state, wanted));
        }
        match change {
            Change::Cancel => {
                row.go(State::Cancelled, at);
                row.note(EventKind::Cancelled, None, at);
            }
            Change::DeadLetter => row.die(Reason::ByHand, at),
            Change::Replay(when) => {
                if when == WhenOvertaken::Refuse
                    && let Some(refusal) = refusal
                {
                    return Err(refusal);
                }
                row.replay(at.now, in_the_way, at);
                row.entry.job = None;
                row.note(EventKind::Replayed, None, at);
            }
            Change::Edit { on, request } => {
                if on != row.entry.revision {
                    return Err(StoreError::outdated(id, on, row.entry.revision));
                }
                request.check()?;
                row.entry.revision += 1;
                row.entry.method = request.method.clone();
                row.entry.uri = request.uri.clone();
                let number = row.entry.revision;
                row.revisions.push(Revision { number, at: at.now, request: *request });
                row.note(EventKind::Edited, Some(number.to_string().into()), at);
            }
            Change::Protect if !row.entry.protected => {
                row.entry.protected = true;
                row.note(EventKind::Protected, None, at);
            }
            Change::Unprotect if row.entry.protected => {
                row.entry.protected = false;
                row.note(EventKind::Unprotected, None, at);
            }
            Change::Protect | Change::Unprotect => {}
        }
        Ok(row.entry.clone())
    }
}
