//! Who is at the head of a key: the oldest of its entries that are ready, unless one is leased. `head` says so in each
//! row, so that a claim reads those from an index and never looks behind them.

use rusqlite::params;

use crate::{sql, writer::Tx};

/// After the head of a key has gone, or its lease has ended: the oldest that is pending comes to the head, if it is
/// ready. None is leased then, because at most one was.
pub(super) fn promote(tx: &Tx<'_>, queue: &str, key: Option<&str>) -> rusqlite::Result<()> {
    let Some(key) = key else {
        return Ok(());
    };
    let sql = "UPDATE outbox SET head = 1 WHERE seq = (SELECT seq FROM outbox INDEXED BY entry_key
             WHERE order_key = ?1 AND queue = ?2 AND pending = 1 ORDER BY seq LIMIT 1)
         AND state = 0 AND head = 0";
    sql::run(tx, sql, params![key, queue])?;
    Ok(())
}

/// Whether an entry that becomes ready is at the head of its key. If it is older than the one that was, that one steps
/// back. The entry itself is not pending yet.
pub(super) fn make_room(tx: &Tx<'_>, seq: i64, queue: &str, key: Option<&str>) -> rusqlite::Result<bool> {
    let Some(key) = key else {
        return Ok(true);
    };
    let sql = "SELECT seq, head FROM outbox INDEXED BY entry_key
         WHERE order_key = ?1 AND queue = ?2 AND pending = 1 ORDER BY seq LIMIT 1";
    let first =
        sql::one(tx, sql, params![key, queue], |row| Ok::<_, rusqlite::Error>((row.get(0)?, row.get(1)?)))?;
    match first {
        None => Ok(true),
        // Where the oldest is not at the head, another is leased.
        Some((first, true)) if seq < first => {
            sql::run(tx, "UPDATE outbox SET head = 0 WHERE seq = ?1", params![first])?;
            Ok(true)
        }
        Some((_, _)) => Ok(false),
    }
}
