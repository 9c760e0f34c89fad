//! The head of each order key: its oldest ready entry, unless one of the key is leased. The column `head`
//! marks it, so that a claim reads heads from an index and nothing else.

use rusqlite::params;

use crate::{sql, writer::Tx};

/// Makes the oldest pending entry of the key its head, if it is ready. Call it after the head has ended, or
/// its lease has: then no entry of the key is leased, because at most one was.
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

/// Whether an entry that is about to become ready is the head of its key. If it is older than the present
/// head, that one stops being the head.
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
        // If the oldest pending entry is not the head, an entry is leased.
        Some((first, true)) if seq < first => {
            sql::run(tx, "UPDATE outbox SET head = 0 WHERE seq = ?1", params![first])?;
            Ok(true)
        }
        Some((_, _)) => Ok(false),
    }
}
