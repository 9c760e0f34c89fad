use std::time::Duration;

use martello_outbox::{
    engine::{check_cap, later},
    store::{Lease, Turn, Turned},
};
use rusqlite::params;

use super::{
    claim::{claim, next, queue_state},
    expiry::{expire, reap},
    hold::Holds,
    settle::settle,
};
use crate::{fault::Fault, fence::Fence, sql, writer::Tx};

/// One turn of a worker: settles, takes back expired leases, expires entries, claims.
pub(crate) fn turn(tx: &mut Tx<'_>, turn: &Turn) -> Result<Turned, Fault> {
    check_cap(turn.cap)?;
    let settled = turn.settle.iter().map(|one| settle(tx, one)).collect::<Result<_, _>>()?;
    let mut state = queue_state(tx, turn)?;
    let come = |moment: Option<i64>| moment.is_some_and(|moment| moment <= tx.now);
    let (some_lost, some_expired) = (come(state.first_lease), come(state.first_expiry));
    let (mut reclaimed_leases, mut more, mut dead_letters) = (0, false, Vec::new());
    if some_lost {
        reclaimed_leases = reap(tx, &turn.queue, &mut dead_letters)?;
    }
    // An entry whose lease was taken back may have expired, too.
    if some_lost || some_expired {
        more = expire(tx, &turn.queue, &mut dead_letters)?;
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
    Ok(Turned { settled, claimed, dead_letters, reclaimed_leases, next })
}

/// Extends these leases to `lasts` from now. Returns for each whether it was still held.
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
