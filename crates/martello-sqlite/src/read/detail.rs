use martello_outbox::{
    Detail, EntryId, Revision, StoredRequest,
    engine::{attempt, event, timestamp},
};
use rusqlite::{Connection, params};

use super::entry::{read_entry, request, select_entry};
use crate::{fault::Fault, sql};

/// All that is known of the entry.
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
