use std::time::Duration;

use martello_outbox::{Lease, StoreError, StoreErrorKind, Turn, Turned, engine::later};
use rusqlite::{Row, params};

use super::{
    claim::{claim, next},
    expiry::{expire, reap},
    hold::Holds,
    settle::settle,
};
use crate::{fault::Fault, fence::Fence, sql, writer::Tx};

/// How a queue stands, for a turn.
pub(super) struct QueueState {
    pub(super) leased: i64,
    pub(super) first_lease: Option<i64>,
    pub(super) first_expiry: Option<i64>,
    pub(super) paused: bool,
    /// Whether there are holds of it.
    pub(super) held: bool,
    /// When the first entry that is at the head of its key is due, or was.
    pub(super) first_due: Option<i64>,
}

/// One turn of a worker.
pub(crate) fn turn(tx: &mut Tx<'_>, turn: &Turn) -> Result<Turned, Fault> {
    if turn.cap == 0 {
        return Err(StoreError::new(StoreErrorKind::Invalid, "the cap of a queue must be 1 or more").into());
    }
    let settled = turn.settle.iter().map(|one| settle(tx, one)).collect::<Result<_, _>>()?;
    let mut state = queue_state(tx, turn)?;
    let come = |moment: Option<i64>| moment.is_some_and(|moment| moment <= tx.now);
    let (some_lost, some_expired) = (come(state.first_lease), come(state.first_expiry));
    let (mut lost, mut more, mut died) = (0, false, Vec::new());
    if some_lost {
        lost = reap(tx, &turn.queue, &mut died)?;
    }
    // What was lost may have expired as well.
    if some_lost || some_expired {
        more = expire(tx, &turn.queue, &mut died)?;
        state = queue_state(tx, turn)?;
    }
    let mut holds =
        (state.held && turn.claim > 0).then(|| Holds::of(tx, &turn.queue, turn.cap)).transpose()?;
    let claimed = claim(tx, turn, &state, holds.as_mut())?;
    let next = if more || claimed.len() == turn.claim {
        Some(Duration::ZERO)
    } else {
        next(tx, turn, &queue_state(tx, turn)?, holds.as_ref())?
    };
    Ok(Turned { settled, claimed, died, lost, next })
}

fn queue_state(tx: &Tx<'_>, turn: &Turn) -> Result<QueueState, Fault> {
    let sql = "SELECT (SELECT count(*) FROM outbox INDEXED BY entry_leased WHERE queue = ?1 AND state = 1),
             (SELECT min(lease_until) FROM outbox INDEXED BY entry_leased WHERE queue = ?1 AND state = 1),
             (SELECT expires_at FROM outbox INDEXED BY entry_expiring
                 WHERE queue = ?1 AND pending = 1 AND state = 0 ORDER BY expires_at LIMIT 1),
             (SELECT min(due_at) FROM outbox INDEXED BY entry_ready WHERE queue = ?1 AND state = 0 AND head = 1),
             (SELECT paused IS NOT NULL FROM queue WHERE name = ?1),
             EXISTS (SELECT 1 FROM hold WHERE queue = ?1)";
    let read = |row: &Row<'_>| {
        Ok(QueueState {
            leased: row.get(0)?,
            first_lease: row.get(1)?,
            first_expiry: row.get(2)?,
            first_due: row.get(3)?,
            paused: row.get::<_, Option<bool>>(4)?.unwrap_or(false),
            held: row.get(5)?,
        })
    };
    Ok(tx.prepare_cached(sql)?.query_row(params![turn.queue.as_str()], read)?)
}

/// Makes these leases last from now, and tells which were still held.
pub(crate) fn heartbeat(tx: &mut Tx<'_>, leases: &[Lease], lasts: Duration) -> Result<Vec<bool>, Fault> {
    let sql = "UPDATE outbox SET lease_until = ?1 WHERE seq = ?2 AND id = ?3 AND fence = ?4 AND state = 1";
    let until = later(tx.now, lasts);
    let prolong = |lease: &Lease| {
        let Some(Fence { seq, token }) = Fence::parse(&lease.fence) else {
            return Ok(false);
        };
        Ok(sql::run(tx, sql, params![until, seq, lease.id.as_bytes(), token])? > 0)
    };
    leases.iter().map(prolong).collect()
}
