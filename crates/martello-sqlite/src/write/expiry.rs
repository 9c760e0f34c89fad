//! Takes back expired leases, and moves expired entries to the dead letters.

use martello_outbox::{
    AttemptRecord, Entry, EventKind, OrderKey, Overtaken, QueueName, Reason, State, engine::timestamp,
};
use rusqlite::{Row, params};

use super::{change::dead_letter, enqueue::record, key_heads::promote, overtake::overtake_before};
use crate::{
    fault::Fault,
    read::{columns, entry_at, read_entry_without_request},
    sql,
    writer::Tx,
};

/// How many expired entries one turn moves.
const EXPIRED_AT_ONCE: usize = 100;

/// Takes back the expired leases of a queue. Returns how many.
pub(super) fn reap(
    tx: &mut Tx<'_>,
    queue: &QueueName,
    dead_letters: &mut Vec<Entry>,
) -> Result<usize, Fault> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", leased_at, worker FROM outbox INDEXED BY entry_leased
         WHERE queue = ?1 AND state = 1 AND lease_until <= ?2"
    );
    let mut lost = sql::all(tx, sql, params![queue.as_str(), tx.now], |row: &Row<'_>| {
        let (seq, entry) = read_entry_without_request(row)?;
        Ok::<_, Fault>((seq, entry, row.get::<_, i64>(23)?, row.get::<_, String>(24)?))
    })?;
    lost.sort_unstable_by_key(|(seq, ..)| *seq);
    for (seq, entry, leased_at, worker) in &lost {
        let attempt = AttemptRecord::lost(
            entry.attempts,
            entry.revision,
            timestamp(*leased_at),
            timestamp(tx.now),
            worker,
        );
        record(tx, *seq, attempt.number, &attempt)?;
        let reason = match () {
            () if !entry.repeatable => Some(Reason::Ambiguous),
            () if entry.tries >= entry.max_attempts => Some(Reason::Crashed),
            () => None,
        };
        release_lost(tx, *seq, &attempt, reason)?;
        let state = if reason.is_some() { State::Dead } else { State::Ready };
        tx.moved(queue, Some(State::Leased), Some(state));
        if let Some(key) = &entry.order_key {
            overtake_before(tx, *seq, queue, key, Overtaken::Possibly)?;
        }
        promote(tx, queue.as_str(), entry.order_key.as_ref().map(OrderKey::as_str))?;
        if let Some(reason) = reason {
            tx.note(*seq, EventKind::DeadLettered, Some(reason.as_str()))?;
            dead_letters.push(entry_at(tx, *seq)?);
        }
    }
    Ok(lost.len())
}

fn release_lost(
    tx: &Tx<'_>,
    seq: i64,
    attempt: &AttemptRecord,
    reason: Option<Reason>,
) -> rusqlite::Result<()> {
    let sql = if reason.is_some() {
        "UPDATE outbox SET state = 3, pending = 0, reason = ?4, changed_at = ?2, last_outcome = ?3,
             last_status = NULL, last_tracking_id = NULL,
             fence = NULL, lease_until = NULL, worker = NULL
         WHERE seq = ?1"
    } else {
        "UPDATE outbox SET state = 0, head = order_key IS NULL, due_at = ?2, changed_at = ?2, last_outcome = ?3,
             last_status = NULL, last_tracking_id = NULL, reason = coalesce(?4, reason),
             fence = NULL, lease_until = NULL, worker = NULL
         WHERE seq = ?1"
    };
    let reason = reason.map(Reason::as_str);
    sql::run(tx, sql, params![seq, tx.now, attempt.outcome.as_str(), reason])?;
    Ok(())
}

/// Makes expired entries dead letters. Returns whether there are more of them.
pub(super) fn expire(
    tx: &mut Tx<'_>,
    queue: &QueueName,
    dead_letters: &mut Vec<Entry>,
) -> Result<bool, Fault> {
    let sql = "SELECT seq FROM outbox INDEXED BY entry_expiring
         WHERE queue = ?1 AND pending = 1 AND state = 0 AND expires_at <= ?2 ORDER BY expires_at, seq LIMIT ?3";
    let limit = i64::try_from(EXPIRED_AT_ONCE).unwrap_or(i64::MAX) + 1;
    let expired: Vec<i64> =
        sql::all(tx, sql, params![queue.as_str(), tx.now, limit], |row| row.get(0).map_err(Fault::from))?;
    for seq in expired.iter().take(EXPIRED_AT_ONCE) {
        dead_letter(tx, *seq, Reason::Expired)?;
        dead_letters.push(entry_at(tx, *seq)?);
    }
    Ok(expired.len() > EXPIRED_AT_ONCE)
}
