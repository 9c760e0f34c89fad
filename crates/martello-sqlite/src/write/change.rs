use martello_outbox::{
    Change, Entry, EntryId, EventKind, OrderKey, QueueName, Reason, State, StoreError, StoredRequest,
    engine::{Columns, corrupt, duration, later, required_state, state_code},
};
use rusqlite::{Row, params};

use super::{key_heads, overtake::before_replay};
use crate::{fault::Fault, read::entry_at, sql, writer::Tx};

/// Applies a change by an operator to one entry.
pub(crate) fn change(tx: &mut Tx<'_>, id: EntryId, change: &Change) -> Result<Entry, Fault> {
    let read = |row: &Row<'_>| {
        let mut columns = sql::columns(row, 0);
        Ok::<_, Fault>((columns.get()?, columns.state()?, columns.get()?))
    };
    let sql = "SELECT seq, state, revision FROM outbox WHERE id = ?1";
    let found = sql::one(tx, sql, params![id.as_bytes()], read)?;
    let (seq, state, last): (i64, State, u32) = found.ok_or_else(|| StoreError::no_entry(id))?;
    let wanted = required_state(change);
    if state != wanted {
        return Err(StoreError::conflict(id, state, wanted).into());
    }
    match change {
        Change::Cancel => {
            end_ready(tx, seq, State::Cancelled, None)?;
            tx.note(seq, EventKind::Cancelled, None)?;
        }
        Change::DeadLetter => dead_letter(tx, seq, Reason::ByHand)?,
        Change::Replay(when_overtaken) => {
            before_replay(tx, seq, *when_overtaken)?;
            put_back(tx, seq, tx.now, None)?;
            tx.note(seq, EventKind::Replayed, None)?;
        }
        Change::Edit { on, .. } if *on != last => return Err(StoreError::outdated(id, *on, last).into()),
        Change::Edit { request, .. } => edit(tx, seq, request)?,
        Change::Protect => keep(tx, seq, true)?,
        Change::Unprotect => keep(tx, seq, false)?,
    }
    entry_at(tx, seq)
}

/// Ends a ready entry. If it was the head of its key, the next entry becomes the head.
pub(super) fn end_ready(tx: &mut Tx<'_>, seq: i64, to: State, reason: Option<Reason>) -> Result<(), Fault> {
    let was = row_before(tx, seq)?;
    let sql = "UPDATE outbox SET state = ?2, pending = 0, head = 0, changed_at = ?3, untouched = 0,
             reason = coalesce(?4, reason)
         WHERE seq = ?1";
    sql::run(tx, sql, params![seq, state_code(to), tx.now, reason.map(Reason::as_str)])?;
    tx.moved(&was.queue, Some(State::Ready), Some(to));
    if was.head {
        key_heads::promote(tx, was.queue.as_str(), was.key())?;
    }
    Ok(())
}

/// Makes a ready entry a dead letter.
pub(super) fn dead_letter(tx: &mut Tx<'_>, seq: i64, reason: Reason) -> Result<(), Fault> {
    end_ready(tx, seq, State::Dead, Some(reason))?;
    tx.note(seq, EventKind::DeadLettered, Some(reason.as_str()))?;
    Ok(())
}

/// Makes a dead letter ready again, due at this time.
pub(super) fn put_back(tx: &mut Tx<'_>, seq: i64, due: i64, job: Option<&[u8; 16]>) -> Result<(), Fault> {
    let was = row_before(tx, seq)?;
    let head = key_heads::make_room(tx, seq, was.queue.as_str(), was.key())?;
    let sql = "UPDATE outbox SET state = 0, pending = 1, head = ?2, changed_at = ?3, tries = 0, due_at = ?4,
             expires_at = ?5, job = ?6, untouched = ?6 IS NOT NULL
         WHERE seq = ?1";
    let expires = later(due, duration(was.expires_in));
    sql::run(tx, sql, params![seq, head, tx.now, due, expires, job])?;
    tx.moved(&was.queue, Some(State::Dead), Some(State::Ready));
    Ok(())
}

/// The columns of an entry that a change needs.
struct RowBefore {
    queue: QueueName,
    order_key: Option<OrderKey>,
    head: bool,
    expires_in: i64,
}

impl RowBefore {
    fn key(&self) -> Option<&str> {
        self.order_key.as_ref().map(OrderKey::as_str)
    }
}

fn row_before(tx: &Tx<'_>, seq: i64) -> Result<RowBefore, Fault> {
    let sql = "SELECT queue, order_key, head, expires_in FROM outbox WHERE seq = ?1";
    let read = |row: &Row<'_>| {
        let mut columns = sql::columns(row, 0);
        Ok::<_, Fault>(RowBefore {
            queue: columns.parsed("queue name")?,
            order_key: columns.parsed_or_null("order key")?,
            head: columns.flag()?,
            expires_in: columns.number("duration")?,
        })
    };
    sql::one(tx, sql, params![seq], read)?.ok_or_else(|| corrupt("entry").into())
}

fn edit(tx: &Tx<'_>, seq: i64, request: &StoredRequest) -> Result<(), Fault> {
    request.check()?;
    let sql = "INSERT INTO earlier_request (entry, number, made_at, method, url, headers, sealed, body)
         SELECT entry, revision, made_at, method, url, headers, sealed, body
         FROM request JOIN outbox ON seq = entry WHERE entry = ?1";
    sql::run(tx, sql, params![seq])?;
    let sql = "UPDATE request SET made_at = ?2, method = ?3, url = ?4, headers = ?5, sealed = ?6, body = ?7
         WHERE entry = ?1";
    let (method, url) = (request.method.as_str(), request.uri.to_string());
    let headers = request.headers_to_json();
    sql::run(tx, sql, params![seq, tx.now, method, url, headers, request.sealed, &request.body[..]])?;
    let sql = "UPDATE outbox SET revision = revision + 1, host = ?2, authority = ?3
         WHERE seq = ?1 RETURNING revision";
    let host = request.host().to_ascii_lowercase();
    let number = sql::one(tx, sql, params![seq, host, request.authority()], |row| row.get::<_, u32>(0))?;
    let number = number.ok_or_else(|| corrupt("entry"))?;
    Ok(tx.note(seq, EventKind::Edited, Some(&number.to_string()))?)
}

fn keep(tx: &Tx<'_>, seq: i64, kept: bool) -> Result<(), Fault> {
    let sql = "UPDATE outbox SET kept = ?2 WHERE seq = ?1 AND kept <> ?2";
    if sql::run(tx, sql, params![seq, kept])? > 0 {
        tx.note(seq, if kept { EventKind::Protected } else { EventKind::Unprotected }, None)?;
    }
    Ok(())
}
