use martello_outbox::{
    AttemptRecord, Enqueued, EntryId, EventKind, NewEntry, OrderKey, QueueName, State, WhenPending,
    engine::{corrupt, later, micros, state_code},
};
use rusqlite::params;

use crate::{fault::Fault, sql, writer::Tx};

/// Stores all of these entries, or none.
pub(crate) fn enqueue(tx: &mut Tx<'_>, entries: &[NewEntry]) -> Result<Vec<Enqueued>, Fault> {
    for entry in entries {
        entry.check()?;
    }
    entries.iter().map(|entry| store(tx, entry)).collect()
}

fn store(tx: &mut Tx<'_>, new: &NewEntry) -> Result<Enqueued, Fault> {
    if let (WhenPending::Supersede, Some(key), None) = (new.when_pending, &new.order_key, new.dead) {
        // A duplicate supersedes nothing.
        if let Some(id) = duplicate(tx, new)? {
            return Ok(Enqueued::Duplicate(id));
        }
        supersede(tx, &new.queue, key, new.id)?;
    }
    if !insert_entry(tx, new)? {
        let id = duplicate(tx, new)?.ok_or_else(|| corrupt("entry"))?;
        return Ok(Enqueued::Duplicate(id));
    }
    let seq = tx.last_insert_rowid();
    let request = &new.request;
    let sql = "INSERT INTO request (entry, made_at, method, url, headers, sealed, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let url = request.uri.to_string();
    let head = (request.method.as_str(), request.headers_to_json());
    sql::run(tx, sql, params![seq, tx.now, head.0, url, head.1, request.sealed, &request.body[..]])?;
    for attempt in &new.attempts {
        record(tx, seq, attempt.number, attempt)?;
    }
    if let Some(reason) = new.dead {
        tx.note(seq, EventKind::DeadLettered, Some(reason.as_str()))?;
    }
    let state = if new.dead.is_some() { State::Dead } else { State::Ready };
    tx.moved(&new.queue, None, Some(state));
    Ok(Enqueued::Stored(new.id))
}

/// The stored entry with the same id, or else with the same dedup key.
fn duplicate(tx: &Tx<'_>, new: &NewEntry) -> Result<Option<EntryId>, Fault> {
    let sql = "SELECT id FROM outbox WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok::<_, Fault>(EntryId::from_bytes(row.get(0)?));
    let same = sql::one(tx, sql, params![new.id.as_bytes()], read)?;
    let (None, Some(key)) = (same, &new.dedup_key) else {
        return Ok(same);
    };
    let sql = "SELECT id FROM outbox INDEXED BY entry_dedup WHERE queue = ?1 AND dedup_key = ?2";
    sql::one(tx, sql, params![new.queue.as_str(), key], read)
}

/// Inserts the entry. Returns false if it is a duplicate.
fn insert_entry(tx: &Tx<'_>, new: &NewEntry) -> Result<bool, Fault> {
    // A new entry is the head of its key if none of the key is pending. A dead letter never is.
    let sql =
        "INSERT OR IGNORE INTO outbox (id, queue, state, pending, head, due_at, expires_at, changed_at, attempts, tries,
             max_attempts, repeatable, created_at, expires_in, order_key, dedup_key, revision, host, reason,
             last_outcome, last_status, last_tracking_id, authority)
         VALUES (?1, ?2, ?3, ?4, ?4 AND NOT EXISTS (SELECT 1 FROM outbox INDEXED BY entry_key
             WHERE order_key = ?5 AND queue = ?2 AND pending = 1),
             ?6, ?7, ?8, ?9, 0, ?10, ?11, ?8, ?12, ?5, ?13, 1, ?14, ?15, ?16, ?17, ?18, ?19)";
    let state = if new.dead.is_some() { State::Dead } else { State::Ready };
    let last = new.attempts.last();
    let inserted = tx.prepare_cached(sql)?.execute(params![
        new.id.as_bytes(),
        new.queue.as_str(),
        state_code(state),
        state.is_pending(),
        new.order_key.as_ref().map(OrderKey::as_str),
        later(tx.now, new.delay),
        later(tx.now, new.expires_in),
        tx.now,
        last.map_or(0, |last| last.number),
        new.max_attempts,
        new.repeatable,
        micros(new.expires_in),
        new.dedup_key,
        new.request.host().to_ascii_lowercase(),
        new.dead.map(martello_outbox::Reason::as_str),
        last.map(|last| last.outcome.as_str()),
        last.and_then(|last| last.status).map(|status| status.as_u16()),
        last.and_then(|last| last.tracking_id.as_ref()).map(martello_outbox::TrackingId::as_str),
        new.request.authority(),
    ])?;
    Ok(inserted > 0)
}

/// Cancels the ready entries of a key in favour of a newer one.
fn supersede(tx: &mut Tx<'_>, queue: &QueueName, key: &OrderKey, by: EntryId) -> Result<(), Fault> {
    let sql = "SELECT seq FROM outbox INDEXED BY entry_key
         WHERE order_key = ?1 AND queue = ?2 AND pending = 1 AND state = 0 ORDER BY seq";
    let older = sql::all(tx, sql, params![key.as_str(), queue.as_str()], |row| row.get::<_, i64>(0))?;
    for seq in older {
        let sql = "UPDATE outbox SET state = 4, pending = 0, head = 0, changed_at = ?2, superseded_by = ?3,
             untouched = 0 WHERE seq = ?1";
        sql::run(tx, sql, params![seq, tx.now, by.as_bytes()])?;
        tx.note(seq, EventKind::Superseded, Some(&by.to_string()))?;
        tx.moved(queue, Some(State::Ready), Some(State::Cancelled));
    }
    Ok(())
}

/// Stores an attempt that has ended.
pub(super) fn record(tx: &Tx<'_>, seq: i64, number: u32, attempt: &AttemptRecord) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO attempt (entry, number, revision, started_at, duration, outcome, status, tracking_id,
             fault, worker) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    tx.prepare_cached(sql)?.execute(params![
        seq,
        number,
        attempt.revision,
        attempt.started.as_microsecond(),
        micros(attempt.duration),
        attempt.outcome.as_str(),
        attempt.status.map(|status| status.as_u16()),
        attempt.tracking_id.as_ref().map(martello_outbox::TrackingId::as_str),
        attempt.fault,
        attempt.worker,
    ])?;
    Ok(())
}
