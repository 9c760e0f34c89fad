use martello_outbox::{Change, Entry, EntryId, State, StoreError, WhenOvertaken};

use crate::{bells::News, code, engine::Shared, fault::Refused, id::Id, read::overview};

/// Changes one entry by hand.
pub(crate) async fn change(shared: &Shared, id: EntryId, change: &Change) -> Result<Entry, StoreError> {
    let (word, wanted, news) = match change {
        Change::Cancel => ("cancel", State::Ready, News::of(State::Cancelled)),
        Change::Bury => ("bury", State::Ready, News::of(State::Dead)),
        Change::Replay(_) => ("replay", State::Dead, News::READY),
        Change::Edit { .. } => ("edit", State::Dead, News::default()),
        Change::Keep => ("keep", State::Dead, News::default()),
        Change::Unkeep => ("unkeep", State::Dead, News::default()),
    };
    let overwrite = matches!(change, Change::Replay(WhenOvertaken::Overwrite));
    let (on, request) = match change {
        Change::Edit { on, request } => (Some(*on), Some(request)),
        _ => (None, None),
    };
    // What the state or another edit does not allow is said before what is wrong with the request.
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
    let rows = shared.connections.asked(&statement).await?.map_err(|refused| match refused {
        Refused::NotFound => StoreError::no_entry(id),
        Refused::Outdated(last) => StoreError::outdated(id, on.unwrap_or_default(), last),
        Refused::Overtaken(id) => StoreError::overtaken(EntryId::from_bytes(id)),
        Refused::Overtaking(id) => StoreError::overtaking(EntryId::from_bytes(id)),
        Refused::Conflict(state) => match code::state(state) {
            Ok(state) => StoreError::conflict(id, state, wanted),
            Err(error) => error,
        },
    })?;
    sound?;
    shared.tell(news);
    rows.first().map_or_else(|| Err(StoreError::no_entry(id)), |row| overview(row, 0).map(|(_, entry)| entry))
}
