use martello_outbox::{
    AttemptRecord, EventKind, OrderKey, QueueName, State,
    engine::{Columns, later, state_code},
    store::{End, Settled, Settlement},
};
use rusqlite::{Row, params};

use super::{enqueue::record, hold, key_heads::promote, overtake::overtake_before};
use crate::{fault::Fault, fence::Fence, sql, writer::Tx};

/// The entry whose lease a settlement has ended.
struct SettledRow {
    queue: QueueName,
    key: Option<OrderKey>,
    /// The number of the attempt.
    number: u32,
    /// The authority of its request.
    authority: String,
    /// The time of the claim. The row keeps it after the lease has ended.
    leased_at: i64,
}

/// Settles a claim, if its fence is still valid.
pub(super) fn settle(tx: &mut Tx<'_>, settlement: &Settlement) -> Result<Settled, Fault> {
    let Some(fence) = Fence::parse(&settlement.lease.fence) else {
        return Ok(Settled::Fenced);
    };
    let attempt = settlement.attempt.as_ref().filter(|_| settlement.end != End::GiveBack);
    let settled = match settlement.end {
        End::Done | End::Dead(_) => end(tx, settlement, fence, attempt)?,
        End::Again { .. } | End::GiveBack => again(tx, settlement, fence, attempt)?,
    };
    let Some(settled) = settled else {
        return was_applied(tx, settlement, fence);
    };
    if let Some(attempt) = attempt {
        record(tx, fence.seq, settled.number, attempt)?;
    }
    let state = match settlement.end {
        End::Done => State::Done,
        End::Dead(reason) => {
            tx.note(fence.seq, EventKind::DeadLettered, Some(reason.as_str()))?;
            State::Dead
        }
        End::Again { .. } | End::GiveBack => State::Ready,
    };
    tx.moved(&settled.queue, Some(State::Leased), Some(state));
    hold::change(tx, &settled.queue, &settled.authority, settled.leased_at, &settlement.hold)?;
    if let (Some(overtaken), Some(key)) = (settlement.overtakes(), &settled.key) {
        overtake_before(tx, fence.seq, &settled.queue, key, overtaken)?;
    }
    promote(tx, settled.queue.as_str(), settled.key.as_ref().map(OrderKey::as_str))?;
    Ok(Settled::Applied)
}

/// A settlement whose lease is gone: the worker repeats one that was applied, or it has lost the lease.
fn was_applied(tx: &Tx<'_>, settlement: &Settlement, fence: Fence) -> Result<Settled, Fault> {
    let sql = "SELECT 1 FROM outbox WHERE seq = ?1 AND id = ?2 AND settled = ?3";
    let mut statement = tx.prepare_cached(sql)?;
    let applied = statement.exists(params![fence.seq, settlement.lease.id.as_bytes(), fence.token])?;
    Ok(if applied { Settled::Applied } else { Settled::Fenced })
}

fn end(
    tx: &Tx<'_>,
    settlement: &Settlement,
    fence: Fence,
    attempt: Option<&AttemptRecord>,
) -> Result<Option<SettledRow>, Fault> {
    let sql = "UPDATE outbox SET state = ?4, pending = 0, changed_at = ?5, reason = coalesce(?6, reason),
             settled = fence, fence = NULL, lease_until = NULL, worker = NULL,
             last_outcome = coalesce(?7, last_outcome), last_status = iif(?7 IS NULL, last_status, ?8),
             last_tracking_id = iif(?7 IS NULL, last_tracking_id, ?9)
         WHERE seq = ?1 AND id = ?2 AND fence = ?3 AND state = 1 RETURNING queue, order_key, attempts, authority, leased_at";
    let (state, reason) = match settlement.end {
        End::Dead(reason) => (State::Dead, Some(reason.as_str())),
        _ => (State::Done, None),
    };
    let (id, last) = (settlement.lease.id, Last::of(attempt));
    let values = params![
        fence.seq,
        id.as_bytes(),
        fence.token,
        state_code(state),
        tx.now,
        reason,
        last.outcome,
        last.status,
        last.tracking_id
    ];
    sql::one(tx, sql, values, settled)
}

fn again(
    tx: &Tx<'_>,
    settlement: &Settlement,
    fence: Fence,
    attempt: Option<&AttemptRecord>,
) -> Result<Option<SettledRow>, Fault> {
    // `promote` sets the head afterwards: an older entry may have been replayed meanwhile.
    let sql = "UPDATE outbox SET state = 0, head = order_key IS NULL, changed_at = ?5, due_at = coalesce(?6, due_at),
             attempts = attempts - ?10, tries = tries - ?11,
             settled = fence, fence = NULL, lease_until = NULL, worker = NULL,
             last_outcome = coalesce(?7, last_outcome), last_status = iif(?7 IS NULL, last_status, ?8),
             last_tracking_id = iif(?7 IS NULL, last_tracking_id, ?9)
         WHERE seq = ?1 AND id = ?2 AND fence = ?3 AND state = ?4 RETURNING queue, order_key, attempts, authority, leased_at";
    let (due, attempts, tries) = match settlement.end {
        End::Again { wait, counts } => (Some(later(tx.now, wait)), 0, i32::from(!counts)),
        _ => (None, 1, 1),
    };
    let (id, last) = (settlement.lease.id, Last::of(attempt));
    let values = params![
        fence.seq,
        id.as_bytes(),
        fence.token,
        state_code(State::Leased),
        tx.now,
        due,
        last.outcome,
        last.status,
        last.tracking_id,
        attempts,
        tries
    ];
    sql::one(tx, sql, values, settled)
}

/// The columns that the last attempt sets in its entry.
struct Last<'a> {
    outcome: Option<&'static str>,
    status: Option<u16>,
    tracking_id: Option<&'a str>,
}

impl<'a> Last<'a> {
    fn of(attempt: Option<&'a AttemptRecord>) -> Self {
        Self {
            outcome: attempt.map(|attempt| attempt.outcome.as_str()),
            status: attempt.and_then(|attempt| attempt.status).map(|status| status.as_u16()),
            tracking_id: attempt
                .and_then(|attempt| attempt.tracking_id.as_ref())
                .map(martello_outbox::TrackingId::as_str),
        }
    }
}

fn settled(row: &Row<'_>) -> Result<SettledRow, Fault> {
    let mut columns = sql::columns(row, 0);
    Ok(SettledRow {
        queue: columns.parsed("queue name")?,
        key: columns.parsed_or_null("order key")?,
        number: columns.number("number")?,
        authority: columns.get()?,
        leased_at: columns.get()?,
    })
}
