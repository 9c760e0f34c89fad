use martello_outbox::{
    Enqueued, EntryId, NewEntry, State, StoreError, StoreErrorKind, WhenPending,
    engine::{Changes, corrupt},
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::inputs::EntryInput;
use crate::{explain::explain, id::Id, shared::Shared, statement::Statement};

/// The most bytes of one call, well below the 1 GB that PostgreSQL accepts as one value.
pub(super) const MOST_BYTES: usize = 512 * 1024 * 1024;

const ENQUEUE: &str = "SELECT * FROM __.enqueue($1, $2, $3::json, $4)";

/// The approximate size of an entry in a statement, in bytes.
pub(super) fn weight(entry: &NewEntry) -> usize {
    let headers = entry.request.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    1024 + entry.request.body.len() + headers.sum::<usize>()
}

pub(super) fn check(entries: &[NewEntry]) -> Result<(), StoreError> {
    for entry in entries {
        entry.check()?;
    }
    if entries.iter().map(weight).sum::<usize>() > MOST_BYTES {
        let message = "the entries of one call exceed 512 MiB: enqueue them in several calls";
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Ok(())
}

/// Stores an entry in an external transaction.
pub(crate) async fn enqueue_in(
    shared: &Shared,
    connection: &mut PgConnection,
    entry: &NewEntry,
) -> Result<Enqueued, StoreError> {
    let entries = std::slice::from_ref(entry);
    check(entries)?;
    let statement = enqueue(shared, entries, Some(shared.schema.channel()));
    // The session may belong to a pooler, so no prepared statement stays in it.
    let rows = statement.fetch(connection, false).await.map_err(explain)?;
    let answers = answers(&rows, entries, false)?;
    answers.into_iter().next().ok_or_else(|| corrupt("answer"))
}

/// The statement that stores entries; with a channel, in an external transaction.
pub(super) fn enqueue(shared: &Shared, entries: &[NewEntry], channel: Option<String>) -> Statement {
    let inputs: Vec<_> = entries.iter().map(EntryInput::from).collect();
    let bodies: Vec<_> = entries.iter().map(|new| &new.request.body[..]).collect();
    let statement = shared.statement(ENQUEUE).bind(shared.now()).bind(channel);
    statement.bind_json(&inputs).bind(bodies).repeatable()
}

/// The result of each entry; without rows, all are stored. An entry that an earlier attempt stored, whose
/// answer was lost, counts as stored.
pub(super) fn answers(
    rows: &[PgRow],
    entries: &[NewEntry],
    repeated: bool,
) -> Result<Vec<Enqueued>, StoreError> {
    if rows.is_empty() {
        return Ok(entries.iter().map(|new| Enqueued::Stored(new.id)).collect());
    }
    if rows.len() != entries.len() {
        return Err(corrupt("answer"));
    }
    let answer = |(row, new): (&PgRow, &NewEntry)| {
        let id = EntryId::from_bytes(row.try_get::<Id, _>(0).map_err(explain)?.0);
        let stored: bool = row.try_get(1).map_err(explain)?;
        let before = repeated && id == new.id;
        Ok(if stored || before { Enqueued::Stored(id) } else { Enqueued::Duplicate(id) })
    };
    rows.iter().zip(entries).map(answer).collect()
}

/// The changes that the stored entries make.
pub(super) fn changes(entries: &[NewEntry], answers: &[Enqueued]) -> Changes {
    let mut changes = Changes::default();
    for (new, answer) in entries.iter().zip(answers) {
        if let Enqueued::Stored(_) = answer {
            let state = if new.dead.is_some() { State::Dead } else { State::Ready };
            changes.merge(Changes::between(None, state));
            // It may have superseded entries.
            changes.ended |= new.when_pending == WhenPending::Supersede;
        }
    }
    changes
}
