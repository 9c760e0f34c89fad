use std::time::Duration;

use martello_outbox::{
    Entry, State,
    engine::{corrupt, duration, later, timestamp},
    store::{Claimed, Lease, Turn},
};
use rusqlite::{Row, params};

use super::{
    authority::{claimable, first_claimable},
    hold::Holds,
};
use crate::{
    fault::Fault,
    fence::Fence,
    read::{columns, read_entry_without_request, request},
    sql,
    writer::Tx,
};

/// Claims the entries that `$which` selects.
macro_rules! claim {
    ($which:literal) => {
        concat!(
            "UPDATE outbox SET state = 1, head = 0, changed_at = ?2, fence = random(), lease_until = ?3, leased_at = ?2,
                 worker = ?4, attempts = attempts + 1, tries = tries + 1, untouched = 0
             WHERE ",
            $which,
            " RETURNING ",
            columns!(),
            ", fence"
        )
    };
}

/// Claims the heads of keys, by due time, then oldest first. It reads only the entries that it claims, except
/// when more entries have expired than one turn moves.
const FIRST: &str = claim!(
    "seq IN (SELECT seq FROM outbox INDEXED BY entry_ready
         WHERE queue = ?1 AND state = 0 AND head = 1 AND due_at <= ?2 AND expires_at > ?2
             ORDER BY due_at, seq LIMIT ?5)"
);

/// Claims one selected entry, where authorities of the queue are held.
const ONE: &str = claim!("queue = ?1 AND seq = ?5");

/// The state of a queue at a turn.
pub(super) struct QueueState {
    pub(super) leased: i64,
    pub(super) first_lease: Option<i64>,
    pub(super) first_expiry: Option<i64>,
    pub(super) paused: bool,
    /// Whether the queue has holds.
    pub(super) held: bool,
    /// The due time of the first entry that is the head of its key.
    pub(super) first_due: Option<i64>,
}

pub(super) fn queue_state(tx: &Tx<'_>, turn: &Turn) -> Result<QueueState, Fault> {
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

pub(super) fn claim(
    tx: &mut Tx<'_>,
    turn: &Turn,
    state: &QueueState,
    holds: Option<&mut Holds>,
) -> Result<Vec<Claimed>, Fault> {
    let cap = i64::try_from(turn.cap).unwrap_or(i64::MAX);
    let free = cap.saturating_sub(state.leased).min(i64::try_from(turn.claim).unwrap_or(i64::MAX));
    let none_due = state.first_due.is_none_or(|due| tx.now < due);
    if free <= 0 || none_due || state.paused {
        return Ok(Vec::new());
    }
    let Some(holds) = holds else {
        // SQLite returns the rows in the order of the update.
        let mut taken = take(tx, turn, FIRST, free)?;
        taken.sort_unstable_by_key(|(fence, entry)| (entry.due_at, fence.seq));
        return taken.into_iter().map(|taken| claimed(tx, turn, taken, 0)).collect();
    };
    let mut all = Vec::new();
    for (seq, holds) in claimable(tx, &turn.queue, holds, usize::try_from(free).unwrap_or(usize::MAX))? {
        for taken in take(tx, turn, ONE, seq)? {
            all.push(claimed(tx, turn, taken, holds)?);
        }
    }
    Ok(all)
}

fn take(tx: &Tx<'_>, turn: &Turn, sql: &str, which: i64) -> Result<Vec<(Fence, Entry)>, Fault> {
    let until = later(tx.now, turn.lease_duration);
    let values = params![turn.queue.as_str(), tx.now, until, turn.worker.as_str(), which];
    sql::all(tx, sql, values, |row: &Row<'_>| {
        let (seq, entry) = read_entry_without_request(row)?;
        Ok::<_, Fault>((Fence { seq, token: row.get(23)? }, entry))
    })
}

fn claimed(
    tx: &mut Tx<'_>,
    turn: &Turn,
    (fence, mut entry): (Fence, Entry),
    holds: u32,
) -> Result<Claimed, Fault> {
    let sql = "SELECT method, url, headers, sealed, body FROM request WHERE entry = ?1";
    let request = sql::one(tx, sql, params![fence.seq], |row| request(row, 0))?;
    let request = request.ok_or_else(|| corrupt("request"))?;
    entry.method.clone_from(&request.method);
    entry.uri.clone_from(&request.uri);
    let lease = Lease { id: entry.id, fence: fence.to_text(), worker: turn.worker.clone() };
    tx.moved(&turn.queue, Some(State::Ready), Some(State::Leased));
    Ok(Claimed {
        lease,
        until: timestamp(later(tx.now, turn.lease_duration)),
        entry,
        request,
        holds_in_row: holds,
    })
}

/// How long until a turn may have something to do, when it claimed less than requested.
pub(super) fn next(
    tx: &Tx<'_>,
    turn: &Turn,
    state: &QueueState,
    holds: Option<&Holds>,
) -> Result<Option<Duration>, Fault> {
    let full = usize::try_from(state.leased).is_ok_and(|leased| leased >= turn.cap);
    let start = match holds {
        _ if state.paused || full => None,
        Some(holds) => first_claimable(tx, &turn.queue, holds)?,
        None => state.first_due,
    };
    let first = [state.first_lease, state.first_expiry, start].into_iter().flatten().min();
    Ok(first.map(|first| duration(first.saturating_sub(tx.now))))
}
