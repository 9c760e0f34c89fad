use std::time::Duration;

use martello_outbox::engine::{Columns, corrupt, later};
use martello_poll::{
    Acquired, Fence, Held,
    engine::{checkpoint_from_json, fence_from_integer, fence_to_integer},
};
use rusqlite::{Row, params};

use crate::{fault::Fault, sql, writer::Tx};

/// Acquires the checkpoint for one poller, unless another poller holds it. The fence is random, like that of
/// a claim: a counter would repeat numbers after a restore from a backup.
pub(super) fn acquire(tx: &Tx<'_>, poll: &str, lease: Duration) -> Result<Acquired, Fault> {
    let sql = "INSERT INTO checkpoint (poll, fence, lease_until) VALUES (?1, random(), ?3)
         ON CONFLICT (poll) DO UPDATE SET fence = excluded.fence, lease_until = excluded.lease_until
             WHERE fence IS NULL OR lease_until <= ?2
         RETURNING fence, saved";
    let read = |row: &Row<'_>| {
        let mut columns = sql::columns(row, 0);
        let fence = fence_from_integer(columns.get()?);
        let parse = |json: &str| checkpoint_from_json(json).ok_or_else(|| corrupt("checkpoint"));
        Ok::<_, Fault>(Held { fence, checkpoint: columns.text()?.map(parse).transpose()? })
    };
    let held = sql::one(tx, sql, params![poll, tx.now, later(tx.now, lease)], read)?;
    Ok(held.map_or(Acquired::HeldElsewhere, Acquired::Held))
}

/// Extends the lease to this long from now. Returns whether the poller still holds it.
pub(super) fn renew(tx: &Tx<'_>, poll: &str, fence: Fence, lease: Duration) -> Result<bool, Fault> {
    let sql = "UPDATE checkpoint SET lease_until = ?3 WHERE poll = ?1 AND fence = ?2";
    Ok(sql::run(tx, sql, params![poll, fence_to_integer(fence), later(tx.now, lease)])? > 0)
}

/// Releases the lease, if the poller still holds it.
pub(super) fn release(tx: &Tx<'_>, poll: &str, fence: Fence) -> Result<(), Fault> {
    let sql = "UPDATE checkpoint SET fence = NULL, lease_until = NULL WHERE poll = ?1 AND fence = ?2";
    sql::run(tx, sql, params![poll, fence_to_integer(fence)])?;
    Ok(())
}
