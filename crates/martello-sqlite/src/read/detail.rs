use http::StatusCode;
use martello_outbox::{AttemptRecord, Detail, EntryEvent, EntryId, Revision, StoredRequest};
use rusqlite::{Connection, Row, params};

use super::entry::{perhaps, request, select_wide, wide, word};
use crate::{
    fault::{Fault, damaged},
    sql,
    time::{duration, timestamp},
};

/// All that is known of the entry.
pub(crate) fn detail(connection: &Connection, id: EntryId) -> Result<Option<Detail>, Fault> {
    let sql = select_wide!("WHERE id = ?1");
    let Some((seq, entry)) = sql::one(connection, sql, params![id.as_bytes()], wide)? else {
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
    let attempts = sql::all(connection, sql, params![seq], attempt)?;
    let sql = "SELECT at, kind, detail FROM event WHERE entry = ?1 ORDER BY n";
    let events = sql::all(connection, sql, params![seq], event)?;
    Ok(Some(Detail { entry, revisions, attempts, events }))
}

fn revision(number: u32, at: i64, request: StoredRequest) -> Revision {
    Revision { number, at: timestamp(at), request }
}

fn attempt(row: &Row<'_>) -> Result<AttemptRecord, Fault> {
    let status: Option<u16> = row.get(5)?;
    let status = status.map(|status| StatusCode::from_u16(status).map_err(|_| damaged("status")));
    Ok(AttemptRecord {
        number: row.get(0)?,
        revision: row.get(1)?,
        started: timestamp(row.get(2)?),
        duration: duration(row.get(3)?),
        outcome: word(row, 4, "outcome")?,
        status: status.transpose()?,
        tracking_id: perhaps(row, 6, "tracking id")?,
        fault: row.get(7)?,
        worker: row.get(8)?,
    })
}

fn event(row: &Row<'_>) -> Result<EntryEvent, Fault> {
    Ok(EntryEvent { at: timestamp(row.get(0)?), kind: word(row, 1, "event")?, detail: row.get(2)? })
}
