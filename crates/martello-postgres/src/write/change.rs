use martello_outbox::{
    Change, Entry, EntryId, State, StoreError, WhenOvertaken,
    engine::{Changes, required_state, state_from_code},
};

use crate::{fault::Refusal, id::Id, read::overview, shared::Shared};

/// Changes one entry by hand.
pub(crate) async fn change(shared: &Shared, id: EntryId, change: &Change) -> Result<Entry, StoreError> {
    let (word, changes) = match change {
        Change::Cancel => ("cancel", Changes::between(Some(State::Ready), State::Cancelled)),
        Change::DeadLetter => ("bury", Changes::between(Some(State::Ready), State::Dead)),
        Change::Replay(_) => ("replay", Changes::READY),
        Change::Edit { .. } => ("edit", Changes::default()),
        Change::Protect => ("keep", Changes::default()),
        Change::Unprotect => ("unkeep", Changes::default()),
    };
    let overwrite = matches!(change, Change::Replay(WhenOvertaken::Overwrite));
    let (on, request) = match change {
        Change::Edit { on, request } => (Some(*on), Some(request)),
        _ => (None, None),
    };
    // A wrong state or revision takes precedence over an invalid request.
    let sound = request.map_or(Ok(()), |request| request.check());
    let word = if sound.is_ok() { word } else { "look" };
    let statement = shared
        .statement("SELECT * FROM __.change($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        .bind(shared.now())
        .bind(Id(*id.as_bytes()))
        .bind(word)
        .bind(request.map(|request| request.method.as_str()))
        .bind(request.map(|request| request.uri.to_string()))
        .bind(request.map(|request| request.headers_to_json()))
        .bind(request.map(|request| request.sealed))
        .bind(request.map(|request| &request.body[..]))
        .bind(request.map(|request| request.host().to_ascii_lowercase()))
        .bind(request.map(|request| request.authority()))
        .bind(on.map(i64::from))
        .bind(overwrite);
    let rows = shared.connections.rows_or_refusal(&statement).await?.map_err(|refused| match refused {
        Refusal::NotFound => StoreError::no_entry(id),
        Refusal::Outdated(last) => StoreError::outdated(id, on.unwrap_or_default(), last),
        Refusal::Overtaken(id) => StoreError::overtaken(EntryId::from_bytes(id)),
        Refusal::Overtaking(id) => StoreError::overtaking(EntryId::from_bytes(id)),
        Refusal::Conflict(state) => match state_from_code(state.into()) {
            Ok(state) => StoreError::conflict(id, state, required_state(change)),
            Err(error) => error,
        },
    })?;
    sound?;
    shared.notify(changes);
    rows.first().map_or_else(|| Err(StoreError::no_entry(id)), |row| overview(row, 0).map(|(_, entry)| entry))
}
