use std::time::Duration;

use jiff::Timestamp;
use martello_outbox::{
    AttemptRecord, State, StoreError, StoreErrorKind,
    engine::{Changes, Columns as _, corrupt, duration, entry, micros, stored_request},
    store::{Claimed, End, Lease, Settled, Turn, Turned},
};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::settlements::SlotOrdered;
use crate::{
    explain::explain,
    fence::Fence,
    id::Id,
    read::{Columns, overview},
    shared::Shared,
};

/// More than anybody has at once; it bounds the slots that are made.
const MOST_CLAIMED: usize = 10_000;

const TURN: &str = "SELECT * FROM __.turn($1, $2, $3, $4, $5, $6, $7, $8, $9::json)";

/// What the rows of a turn are.
mod kind {
    pub(super) const DONE: i16 = 0;
    pub(super) const CLAIMED: i16 = 1;
    pub(super) const DIED: i16 = 2;
}

/// The first column of a claim, and the first of the entry that follows it or that died.
const SLOT: usize = 4;
const ENTRY: usize = 11;

/// One turn of a worker.
pub(crate) async fn turn(shared: &Shared, turn: &Turn) -> Result<Turned, StoreError> {
    if turn.cap == 0 {
        return Err(StoreError::new(StoreErrorKind::Invalid, "the cap of a queue must be 1 or more"));
    }
    // How a lost attempt is written down; the rest of it the server knows.
    let lost = AttemptRecord::lost(1, 1, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, "");
    let statement = shared
        .statement(TURN)
        .bind(shared.now())
        .bind(turn.queue.as_str())
        .bind(turn.worker.as_str())
        .bind(i64::try_from(turn.claim.min(MOST_CLAIMED)).unwrap_or(i64::MAX))
        .bind(i64::from(i32::try_from(turn.cap).unwrap_or(i32::MAX)))
        .bind(micros(turn.lease_duration))
        .bind(lost.outcome.as_str())
        .bind(lost.fault.as_deref());
    let slot_ordered = SlotOrdered::of(&turn.settle);
    // If the answer is lost and the statement repeated, the entries of the first claim stay leased without a
    // worker until the lease expires. The same happens if the worker itself repeats the turn.
    let statement = statement.bind_json(&slot_ordered.inputs()).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    let (mut turned, mut settled) = (Turned::default(), Vec::new());
    for row in &rows {
        match row.try_get(0).map_err(explain)? {
            kind::DONE => {
                settled = row.try_get(1).map_err(explain)?;
                turned.reclaimed_leases =
                    usize::try_from(row.try_get::<i32, _>(2).map_err(explain)?).unwrap_or_default();
                turned.next = row.try_get::<Option<i64>, _>(3).map_err(explain)?.map(duration);
            }
            kind::CLAIMED => turned.claimed.push(claimed(row, turn)?),
            kind::DIED => turned.dead_letters.push(overview(row, ENTRY)?.1),
            _ => return Err(corrupt("answer")),
        }
    }
    turned.settled = slot_ordered.answers(&settled)?;
    shared.notify(changes(turn, &turned));
    Ok(turned)
}

fn claimed(row: &PgRow, turn: &Turn) -> Result<Claimed, StoreError> {
    let mut columns = Columns::new(row, SLOT);
    let slot = columns.number("slot")?;
    let token = Uuid::from_bytes(columns.id()?.ok_or_else(|| corrupt("fence"))?);
    let until = columns.time()?;
    let holds = columns.number("number")?;
    let (headers, sealed, body) = (columns.get::<&str>()?, columns.flag()?, columns.get()?);
    let (seq, entry) = entry(&mut columns)?;
    let request = stored_request(entry.method.as_str(), &entry.uri.to_string(), headers, sealed, body)?;
    let fence = Fence { slot, seq, token };
    let lease = Lease { id: entry.id, fence: fence.to_text(), worker: turn.worker.clone() };
    Ok(Claimed { lease, until, entry, request, holds_in_row: holds })
}

fn changes(turn: &Turn, turned: &Turned) -> Changes {
    let mut changes = Changes::default();
    for (settlement, settled) in turn.settle.iter().zip(&turned.settled) {
        if *settled == Settled::Applied {
            let to = match settlement.end {
                End::Done => State::Done,
                End::Dead(_) => State::Dead,
                End::Again { .. } | End::GiveBack => State::Ready,
            };
            changes.merge(Changes::between(Some(State::Leased), to));
        }
    }
    if turned.reclaimed_leases > 0 {
        changes.merge(Changes::READY);
    }
    if !turned.dead_letters.is_empty() {
        changes.merge(Changes::ALL);
    }
    changes
}

/// Makes these leases last from now, and tells which were still held.
pub(crate) async fn heartbeat(
    shared: &Shared,
    leases: &[Lease],
    lasts: Duration,
) -> Result<Vec<bool>, StoreError> {
    let fences: Vec<_> = leases.iter().map(Fence::of).collect();
    let statement = shared
        .statement("SELECT __.heartbeat($1, $2, $3, $4, $5, $6)")
        .bind(shared.now())
        .bind(micros(lasts))
        .bind(fences.iter().map(|fence| fence.slot).collect::<Vec<_>>())
        .bind(fences.iter().map(|fence| fence.seq).collect::<Vec<_>>())
        .bind(fences.iter().map(|fence| Id(fence.token.into_bytes())).collect::<Vec<_>>())
        .bind(leases.iter().map(|lease| Id(*lease.id.as_bytes())).collect::<Vec<_>>())
        .repeatable();
    let rows = shared.connections.rows(&statement).await?;
    let held = rows.first().map(|row| row.try_get(0)).transpose().map_err(explain)?;
    held.ok_or_else(|| corrupt("answer"))
}
