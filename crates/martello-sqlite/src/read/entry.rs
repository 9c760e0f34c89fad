use std::str::FromStr;

use http::{Method, StatusCode, Uri};
use martello_outbox::{Entry, EntryId, JobId, OrderKey, StoreError, StoredRequest};
use rusqlite::{Connection, Row, params};

use crate::{
    code,
    fault::{Fault, damaged},
    sql,
    time::timestamp,
};

/// What [`narrow`] reads, in its order.
macro_rules! columns {
    () => {
        "seq, id, queue, state, reason, revision, order_key, dedup_key, repeatable, attempts, tries, max_attempts, \
         created_at, due_at, expires_at, changed_at, last_outcome, last_status, last_tracking_id, kept, job, \
         superseded_by, overtaken"
    };
}
pub(crate) use columns;

/// A query of what [`wide`] reads.
macro_rules! select_wide {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            $crate::read::columns!(),
            ", method, url FROM outbox CROSS JOIN request ON request.entry = seq ",
            $rest
        )
    };
}
pub(crate) use select_wide;

/// The entry with this id.
pub(crate) fn entry(connection: &Connection, id: EntryId) -> Result<Option<Entry>, Fault> {
    let sql = select_wide!("WHERE id = ?1");
    sql::one(connection, sql, params![id.as_bytes()], |row| wide(row).map(|(_, entry)| entry))
}

/// The entry at this place in the order, which is there.
pub(crate) fn entry_at(connection: &Connection, seq: i64) -> Result<Entry, Fault> {
    let sql = select_wide!("WHERE seq = ?1");
    let found = sql::one(connection, sql, params![seq], |row| wide(row).map(|(_, entry)| entry))?;
    found.ok_or_else(|| damaged("entry").into())
}

/// An entry and its place in the order, from a row of [`select_wide`].
pub(crate) fn wide(row: &Row<'_>) -> Result<(i64, Entry), Fault> {
    let (seq, mut entry) = narrow(row)?;
    entry.method = word(row, 23, "method")?;
    entry.uri = word(row, 24, "url")?;
    Ok((seq, entry))
}

/// An entry without its method and target, which stand in its request, from a row that starts with [`columns`]; and
/// its place in the order.
pub(crate) fn narrow(row: &Row<'_>) -> Result<(i64, Entry), Fault> {
    let time = |column| row.get(column).map(timestamp);
    let status: Option<u16> = row.get(17)?;
    let status = status.map(|status| StatusCode::from_u16(status).map_err(|_| damaged("status")));
    let entry = Entry {
        id: EntryId::from_bytes(row.get(1)?),
        queue: word(row, 2, "queue name")?,
        state: code::state(row.get(3)?)?,
        reason: perhaps(row, 4, "reason")?,
        method: Method::GET,
        uri: Uri::default(),
        revision: row.get(5)?,
        order_key: perhaps::<OrderKey>(row, 6, "order key")?,
        dedup_key: row.get(7)?,
        repeatable: row.get(8)?,
        attempts: row.get(9)?,
        tries: row.get(10)?,
        max_attempts: row.get(11)?,
        created_at: time(12)?,
        due_at: time(13)?,
        expires_at: time(14)?,
        changed_at: time(15)?,
        last_outcome: perhaps(row, 16, "outcome")?,
        last_status: status.transpose()?,
        last_tracking_id: perhaps(row, 18, "tracking id")?,
        kept: row.get(19)?,
        job: row.get::<_, Option<_>>(20)?.map(JobId::from_bytes),
        superseded_by: row.get::<_, Option<_>>(21)?.map(EntryId::from_bytes),
        overtaken: code::overtaken(row.get(22)?)?,
    };
    Ok((row.get(0)?, entry))
}

/// The request in six columns from this one on: method, url, headers, sealed, body.
pub(crate) fn request(row: &Row<'_>, from: usize) -> Result<StoredRequest, Fault> {
    let headers = row.get_ref(from + 2)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(StoredRequest {
        method: word(row, from, "method")?,
        uri: word(row, from + 1, "url")?,
        headers: StoredRequest::headers_from_json(headers).map_err(|_| damaged("head"))?,
        sealed: row.get(from + 3)?,
        body: row.get::<_, Vec<u8>>(from + 4)?.into(),
    })
}

/// A text that stands for something.
pub(crate) fn word<T: FromStr>(row: &Row<'_>, column: usize, what: &'static str) -> Result<T, Fault> {
    perhaps(row, column, what)?.ok_or_else(|| damaged(what).into())
}

/// The same, or nothing.
pub(crate) fn perhaps<T: FromStr>(
    row: &Row<'_>,
    column: usize,
    what: &'static str,
) -> Result<Option<T>, Fault> {
    let text = row.get_ref(column)?.as_str_or_null().map_err(rusqlite::Error::from)?;
    let parse = |text: &str| text.parse().map_err(|_| StoreError::into(damaged(what)));
    text.map(parse).transpose()
}
