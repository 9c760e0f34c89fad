use std::time::Duration;

use martello_outbox::{Claimed, Lease, State, Turn};
use rusqlite::{Row, params};

use super::turn::Standing;
use crate::{
    fault::{Fault, damaged},
    fence::Fence,
    read::{columns, narrow, request},
    sql,
    time::{after, duration, timestamp},
    writer::Tx,
};

/// Takes entries from the heads of their keys, those due first and then the oldest. It reads those that it takes, and
/// nothing else, unless more have expired than one turn moves.
pub(crate) const CLAIM: &str = concat!(
    "UPDATE entry SET state = 1, head = 0, changed_at = ?2, fence = random(), lease_until = ?3, leased_at = ?2,
         worker = ?4, attempts = attempts + 1, tries = tries + 1, untouched = 0
     WHERE seq IN (SELECT seq FROM entry INDEXED BY entry_ready
         WHERE queue = ?1 AND state = 0 AND head = 1 AND due_at <= ?2 AND expires_at > ?2
             ORDER BY due_at, seq LIMIT ?5)
     RETURNING ",
    columns!(),
    ", fence"
);

pub(super) fn claim(tx: &mut Tx<'_>, turn: &Turn, standing: &Standing) -> Result<Vec<Claimed>, Fault> {
    let cap = i64::try_from(turn.cap).unwrap_or(i64::MAX);
    let free = cap.saturating_sub(standing.leased).min(i64::try_from(turn.claim).unwrap_or(i64::MAX));
    let none_due = standing.first_due.is_none_or(|due| tx.now < due);
    if free <= 0 || none_due || standing.paused || standing.held.is_some() {
        return Ok(Vec::new());
    }
    let until = after(tx.now, turn.lease);
    let values = params![turn.queue.as_str(), tx.now, until, turn.worker.as_str(), free];
    let mut taken = sql::all(tx, CLAIM, values, |row: &Row<'_>| {
        let (seq, entry) = narrow(row)?;
        Ok::<_, Fault>((Fence { seq, token: row.get(22)? }, entry))
    })?;
    // They come as they were changed.
    taken.sort_unstable_by_key(|(fence, entry)| (entry.due_at, fence.seq));
    let mut claimed = Vec::with_capacity(taken.len());
    for (fence, mut entry) in taken {
        let sql = "SELECT method, url, headers, sealed, body FROM request WHERE entry = ?1";
        let request = sql::one(tx, sql, params![fence.seq], |row| request(row, 0))?;
        let request = request.ok_or_else(|| damaged("request"))?;
        entry.method.clone_from(&request.method);
        entry.uri.clone_from(&request.uri);
        let lease = Lease { id: entry.id, fence: fence.to_text(), worker: turn.worker.clone() };
        tx.moved(&turn.queue, Some(State::Ready), Some(State::Leased));
        claimed.push(Claimed { lease, until: timestamp(until), entry, request });
    }
    Ok(claimed)
}

/// How long until there may be something to do, where less was claimed than asked for.
pub(super) fn next(tx: &Tx<'_>, turn: &Turn, standing: &Standing) -> Option<Duration> {
    let full = usize::try_from(standing.leased).is_ok_and(|leased| leased >= turn.cap);
    let start = if standing.paused || full { None } else { standing.held.or(standing.first_due) };
    let first = [standing.first_lease, standing.first_expiry, start].into_iter().flatten().min()?;
    Some(duration(first.saturating_sub(tx.now)))
}
