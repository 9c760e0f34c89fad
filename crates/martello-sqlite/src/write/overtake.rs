//! Dead letters that are overtaken: a newer request of their queue and key was delivered, or may have been, so that a replay
//! would overwrite it. Marks only get more certain.

use martello_outbox::{
    EntryId, OrderKey, Overtaken, QueueName, StoreError, WhenOvertaken, engine::overtaken_code,
};
use rusqlite::{Row, params};

use crate::{fault::Fault, sql, writer::Tx};

/// Marks all dead letters of a key, and tells how many had no such mark.
pub(crate) fn overtake(
    tx: &mut Tx<'_>,
    queue: &QueueName,
    key: &OrderKey,
    overtaken: Overtaken,
) -> Result<u64, Fault> {
    let marked = overtake_before(tx, i64::MAX, queue, key, overtaken)?;
    Ok(u64::try_from(marked).unwrap_or_default())
}

/// Marks those that are older than this place.
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

/// Whether a newer entry of its key is under way, which may be delivered at any time.
macro_rules! newer_is_leased {
    () => {
        "EXISTS (SELECT 1 FROM outbox AS newer INDEXED BY entry_leased WHERE newer.queue = dead.queue
             AND newer.state = 1 AND newer.order_key = dead.order_key AND newer.seq > dead.seq)"
    };
}

/// Before a replay: refuses that of what is overtaken, or soon may be; or else marks what soon may be.
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
