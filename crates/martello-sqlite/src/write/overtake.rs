//! Overtaken dead letters: a newer request of their queue and key was delivered, or may have been, so that a
//! replay would overwrite it. A mark only becomes more certain.

use martello_outbox::{
    EntryId, OrderKey, Overtaken, QueueName, StoreError, WhenOvertaken, engine::overtaken_code,
};
use rusqlite::{Row, params};

use crate::{fault::Fault, sql, writer::Tx};

/// Marks all dead letters of a key. Returns how many marks changed.
pub(crate) fn overtake(
    tx: &mut Tx<'_>,
    queue: &QueueName,
    key: &OrderKey,
    overtaken: Overtaken,
) -> Result<u64, Fault> {
    let marked = overtake_before(tx, i64::MAX, queue, key, overtaken)?;
    Ok(u64::try_from(marked).unwrap_or_default())
}

/// Marks the dead letters of a key before this position.
pub(super) fn overtake_before(
    tx: &Tx<'_>,
    seq: i64,
    queue: &QueueName,
    key: &OrderKey,
    overtaken: Overtaken,
) -> rusqlite::Result<usize> {
    let sql = "UPDATE outbox INDEXED BY dead_key SET overtaken = ?4
         WHERE order_key = ?1 AND queue = ?2 AND state = 3 AND seq < ?3 AND overtaken < ?4";
    sql::run(tx, sql, params![key.as_str(), queue.as_str(), seq, overtaken_code(overtaken)])
}

/// Whether a newer entry of the key is leased. It may be delivered at any time.
macro_rules! newer_is_leased {
    () => {
        "EXISTS (SELECT 1 FROM outbox AS newer INDEXED BY entry_leased WHERE newer.queue = dead.queue
             AND newer.state = 1 AND newer.order_key = dead.order_key AND newer.seq > dead.seq)"
    };
}

/// Checks a dead letter before its replay. Refuses one that is overtaken or may soon be; with `Overwrite`,
/// marks one that may soon be.
pub(super) fn before_replay(tx: &Tx<'_>, seq: i64, when: WhenOvertaken) -> Result<(), Fault> {
    match when {
        WhenOvertaken::Refuse => {
            let sql = concat!(
                "SELECT id, overtaken > 0 FROM outbox AS dead WHERE seq = ?1 AND (overtaken > 0 OR ",
                newer_is_leased!(),
                ")"
            );
            let read = |row: &Row<'_>| Ok::<_, Fault>((EntryId::from_bytes(row.get(0)?), row.get(1)?));
            match sql::one(tx, sql, params![seq], read)? {
                None => Ok(()),
                Some((id, true)) => Err(StoreError::overtaken(id).into()),
                Some((id, false)) => Err(StoreError::overtaking(id).into()),
            }
        }
        WhenOvertaken::Overwrite => {
            let sql = concat!(
                "UPDATE outbox AS dead SET overtaken = 1 WHERE seq = ?1 AND overtaken = 0 AND ",
                newer_is_leased!()
            );
            sql::run(tx, sql, params![seq])?;
            Ok(())
        }
    }
}
