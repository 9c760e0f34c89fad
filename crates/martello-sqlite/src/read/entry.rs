use martello_outbox::{
    Detail, Entry, EntryId, Revision, StoredRequest,
    engine::{self, attempt, corrupt, entry_without_request, event, stored_request, timestamp},
};
use rusqlite::{Connection, Row, params};

use crate::{fault::Fault, sql};

/// The columns that [`entry_without_request`] reads, in its order.
macro_rules! columns {
    () => {
        "seq, id, queue, state, reason, revision, order_key, dedup_key, repeatable, attempts, tries, max_attempts, \
         created_at, due_at, expires_at, changed_at, last_outcome, last_status, last_tracking_id, kept, job, \
         superseded_by, overtaken"
    };
}
pub(crate) use columns;

/// A query of the columns that [`read_entry`] reads.
macro_rules! select_entry {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            $crate::read::columns!(),
            ", method, url FROM outbox CROSS JOIN request ON request.entry = seq ",
            $rest
        )
    };
}
pub(crate) use select_entry;

/// The entry with this id.
pub(crate) fn entry(connection: &Connection, id: EntryId) -> Result<Option<Entry>, Fault> {
    let sql = select_entry!("WHERE id = ?1");
    sql::one(connection, sql, params![id.as_bytes()], |row| read_entry(row).map(|(_, entry)| entry))
}

/// The entry at this position, which must exist.
pub(crate) fn entry_at(connection: &Connection, seq: i64) -> Result<Entry, Fault> {
    let sql = select_entry!("WHERE seq = ?1");
    let found = sql::one(connection, sql, params![seq], |row| read_entry(row).map(|(_, entry)| entry))?;
    found.ok_or_else(|| corrupt("entry").into())
}

/// Reads a row of [`select_entry`]. Returns the entry and its position.
pub(crate) fn read_entry(row: &Row<'_>) -> Result<(i64, Entry), Fault> {
    engine::entry(&mut sql::columns(row, 0))
}

/// Reads a row that starts with [`columns`]. Returns the entry, without the method and URL of its request,
/// and its position.
pub(crate) fn read_entry_without_request(row: &Row<'_>) -> Result<(i64, Entry), Fault> {
    entry_without_request(&mut sql::columns(row, 0))
}

/// Reads a request from the five columns that start at this one: method, url, headers, sealed, body.
pub(crate) fn request(row: &Row<'_>, from: usize) -> Result<StoredRequest, Fault> {
    let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let (method, url, headers) = (text(from)?, text(from + 1)?, text(from + 2)?);
    Ok(stored_request(method, url, headers, row.get(from + 3)?, row.get(from + 4)?)?)
}

/// The entry with its revisions, attempts and events.
pub(crate) fn detail(connection: &Connection, id: EntryId) -> Result<Option<Detail>, Fault> {
    let sql = select_entry!("WHERE id = ?1");
    let Some((seq, entry)) = sql::one(connection, sql, params![id.as_bytes()], read_entry)? else {
        return Ok(None);
    };
    let sql =
        "SELECT number, made_at, method, url, headers, sealed, body FROM earlier_request WHERE entry = ?1
         ORDER BY number";
    let mut revisions = sql::all(connection, sql, params![seq], |row| {
        Ok::<_, Fault>(revision(row.get(0)?, row.get(1)?, request(row, 2)?))
    })?;
    let sql = "SELECT made_at, method, url, headers, sealed, body FROM request WHERE entry = ?1";
    revisions.extend(sql::one(connection, sql, params![seq], |row| {
        Ok::<_, Fault>(revision(entry.revision, row.get(0)?, request(row, 1)?))
    })?);
    let sql = "SELECT number, revision, started_at, duration, outcome, status, tracking_id, fault, worker
         FROM attempt WHERE entry = ?1 ORDER BY number";
    let attempts = sql::all(connection, sql, params![seq], |row| attempt(&mut sql::columns(row, 0)))?;
    let sql = "SELECT at, kind, detail FROM event WHERE entry = ?1 ORDER BY n";
    let events = sql::all(connection, sql, params![seq], |row| event(&mut sql::columns(row, 0)))?;
    Ok(Some(Detail { entry, revisions, attempts, events }))
}

fn revision(number: u32, at: i64, request: StoredRequest) -> Revision {
    Revision { number, at: timestamp(at), request }
}
