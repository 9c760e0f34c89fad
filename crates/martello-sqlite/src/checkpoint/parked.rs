use martello_outbox::engine::Columns;
use martello_poll::{
    ItemPosition, NewParked, Parked, ParkedFilter, ParkedId,
    engine::{list_bounds, parked_ids},
};
use rusqlite::{Connection, Row, params};

use crate::{
    fault::Fault,
    sql::{self, fnv},
    writer::Tx,
};

/// Lists the parked items that pass the filter, oldest first.
pub(super) fn list(connection: &Connection, poll: &str, filter: ParkedFilter) -> Result<Vec<Parked>, Fault> {
    macro_rules! select {
        ($condition:literal) => {
            concat!(
                "SELECT id, again, page, item, parked_at, key, stamp, reason, json FROM parked
                 WHERE poll = ?1 AND id > ?2 ",
                $condition,
                " ORDER BY id LIMIT ?3"
            )
        };
    }
    let sql = if filter.redeliver { select!("AND again = 1") } else { select!("") };
    let (after, limit) = list_bounds(&filter);
    sql::all(connection, sql, params![poll, after, limit], parked)
}

fn parked(row: &Row<'_>) -> Result<Parked, Fault> {
    let mut columns = sql::columns(row, 0);
    let (id, again) = (columns.get::<i64>()?.cast_unsigned(), columns.flag()?);
    let item = NewParked {
        position: ItemPosition { page: columns.get()?, item: columns.get()? },
        parked_at: columns.parsed("time")?,
        key: columns.get()?,
        stamp: columns.parsed_or_null("time")?,
        reason: columns.get()?,
        json: columns.get()?,
    };
    Ok(Parked { id: ParkedId(id), item, redeliver: again })
}

/// Parks an item, unless an equal one is parked already.
pub(super) fn park(tx: &Tx<'_>, poll: &str, item: &NewParked) -> Result<(), Fault> {
    let sql = "INSERT INTO parked (poll, page, item, parked_at, key, stamp, reason, size, json, hash)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10
         WHERE NOT EXISTS (SELECT 1 FROM parked INDEXED BY parked_hash
             WHERE poll = ?1 AND hash = ?10 AND size = ?8 AND key = ?5 AND stamp IS ?6 AND json = ?9)";
    let NewParked { key, stamp, position, json, reason, parked_at } = item;
    let stamp = stamp.map(|stamp| stamp.to_string());
    let size = i64::try_from(json.len()).unwrap_or(i64::MAX);
    let (page, nth, at, hash) = (position.page, position.item, parked_at.to_string(), fnv(json.as_bytes()));
    sql::run(tx, sql, params![poll, page, nth, at, key, stamp, reason, size, json, hash])?;
    Ok(())
}

/// Marks these items for another delivery. Returns how many of them are parked.
pub(super) fn redeliver(tx: &Tx<'_>, poll: &str, ids: &[ParkedId]) -> Result<u64, Fault> {
    each(tx, "UPDATE parked SET again = 1 WHERE id = ?2 AND poll = ?1", poll, ids)
}

/// Deletes these items. Returns how many of them were parked.
pub(super) fn discard(tx: &Tx<'_>, poll: &str, ids: &[ParkedId]) -> Result<u64, Fault> {
    each(tx, "DELETE FROM parked WHERE id = ?2 AND poll = ?1", poll, ids)
}

fn each(tx: &Tx<'_>, sql: &str, poll: &str, ids: &[ParkedId]) -> Result<u64, Fault> {
    let mut ids = parked_ids(ids);
    ids.sort_unstable();
    ids.dedup();
    let mut found = 0;
    for id in ids {
        found += u64::try_from(sql::run(tx, sql, params![poll, id])?).unwrap_or_default();
    }
    Ok(found)
}
