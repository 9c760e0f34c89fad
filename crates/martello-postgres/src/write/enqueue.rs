use crate::id::Id;
use martello_outbox::{
    Enqueued, EntryId, NewEntry, OrderKey, Reason, State, StoreError, StoreErrorKind, WhenPending,
};
use sqlx::{PgConnection, Row, postgres::PgRow};

use super::attempts::{Attempts, number, status, tracking_id};
use crate::{
    engine::Shared,
    fault::{corrupt, explain},
    notify::Changes,
    statement::Statement,
    time::micros,
};

/// The most that is sent at once: well below what PostgreSQL takes as one value.
pub(super) const MOST_BYTES: usize = 512 * 1024 * 1024;

const ENQUEUE: &str =
    "SELECT * FROM __.enqueue($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
     $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)";

/// Roughly what an entry weighs on its way.
pub(super) fn weight(entry: &NewEntry) -> usize {
    let headers = entry.request.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    1024 + entry.request.body.len() + headers.sum::<usize>()
}

pub(super) fn check(entries: &[NewEntry]) -> Result<(), StoreError> {
    for entry in entries {
        entry.check()?;
    }
    if entries.iter().map(weight).sum::<usize>() > MOST_BYTES {
        let message = "what is stored at once must be less than 512 MiB: store it in parts";
        return Err(StoreError::new(StoreErrorKind::Invalid, message));
    }
    Ok(())
}

/// Stores an entry in a transaction of somebody else's.
pub(crate) async fn enqueue_in(
    shared: &Shared,
    connection: &mut PgConnection,
    entry: &NewEntry,
) -> Result<Enqueued, StoreError> {
    let entries = std::slice::from_ref(entry);
    check(entries)?;
    let statement = enqueue(shared, entries, Some(shared.schema.channel()));
    // It may go through something that gives the session to others afterwards, who have no use for what it would keep.
    let rows = statement.fetch(connection, false).await.map_err(explain)?;
    let answers = answers(&rows, entries, false)?;
    answers.into_iter().next().ok_or_else(|| corrupt("answer"))
}

/// The statement that stores entries.
pub(super) fn enqueue(shared: &Shared, entries: &[NewEntry], guest: Option<String>) -> Statement {
    let statement = shared.statement(ENQUEUE).bind(shared.now()).bind(guest).repeatable();
    let statement = bind_entries(statement, entries);
    let statement = bind_requests(statement, entries);
    bind_attempts(statement, entries)
}

/// One column of entries.
fn all<'a, T>(entries: &'a [NewEntry], column: impl FnMut(&'a NewEntry) -> T) -> Vec<T> {
    entries.iter().map(column).collect()
}

fn bind_entries(statement: Statement, entries: &[NewEntry]) -> Statement {
    statement
        .bind(all(entries, |new| Id(*new.id.as_bytes())))
        .bind(all(entries, |new| new.queue.as_str()))
        .bind(all(entries, |new| new.order_key.as_ref().map(OrderKey::as_str)))
        .bind(all(entries, |new| new.when_pending == WhenPending::Supersede))
        .bind(all(entries, |new| new.dedup_key.as_deref()))
        .bind(all(entries, |new| micros(new.delay)))
        .bind(all(entries, |new| micros(new.expires_in)))
        .bind(all(entries, |new| i64::from(new.max_attempts)))
        .bind(all(entries, |new| new.repeatable))
        .bind(all(entries, |new| new.dead.map(Reason::as_str)))
}

fn bind_requests(statement: Statement, entries: &[NewEntry]) -> Statement {
    statement
        .bind(all(entries, |new| new.request.method.as_str()))
        .bind(all(entries, |new| new.request.uri.to_string()))
        .bind(all(entries, |new| new.request.headers_to_json()))
        .bind(all(entries, |new| new.request.sealed))
        .bind(all(entries, |new| &new.request.body[..]))
        .bind(all(entries, |new| new.request.host().to_ascii_lowercase()))
        .bind(all(entries, |new| new.request.authority()))
}

fn bind_attempts(statement: Statement, entries: &[NewEntry]) -> Statement {
    let statement = statement
        .bind(all(entries, |new| new.attempts.last().map_or(0, |last| number(last.number))))
        .bind(all(entries, |new| new.attempts.last().map(|last| last.outcome.as_str())))
        .bind(all(entries, |new| new.attempts.last().and_then(status)))
        .bind(all(entries, |new| new.attempts.last().and_then(tracking_id)));
    let (mut of, mut numbers, mut attempts) = (Vec::new(), Vec::new(), Attempts::default());
    for (nth, new) in (1..).zip(entries) {
        for attempt in &new.attempts {
            of.push(nth);
            numbers.push(number(attempt.number));
            attempts.push(Some(attempt));
        }
    }
    let (of, numbers): (Vec<i32>, Vec<i32>) = (of, numbers);
    attempts.bind(statement.bind(of).bind(numbers))
}

/// What became of each entry; no row says that all are stored. One that was stored before this time, unheard of, counts as stored now.
pub(super) fn answers(
    rows: &[PgRow],
    entries: &[NewEntry],
    repeated: bool,
) -> Result<Vec<Enqueued>, StoreError> {
    if rows.is_empty() {
        return Ok(all(entries, |new| Enqueued::Stored(new.id)));
    }
    if rows.len() != entries.len() {
        return Err(corrupt("answer"));
    }
    let answer = |(row, new): (&PgRow, &NewEntry)| {
        let id = EntryId::from_bytes(row.try_get::<Id, _>(0).map_err(explain)?.0);
        let stored: bool = row.try_get(1).map_err(explain)?;
        let before = repeated && id == new.id;
        Ok(if stored || before { Enqueued::Stored(id) } else { Enqueued::Duplicate(id) })
    };
    rows.iter().zip(entries).map(answer).collect()
}

/// What there is to tell of entries that were stored.
pub(super) fn changes(entries: &[NewEntry], answers: &[Enqueued]) -> Changes {
    let mut changes = Changes::default();
    for (new, answer) in entries.iter().zip(answers) {
        if let Enqueued::Stored(_) = answer {
            changes.join(Changes::of(if new.dead.is_some() { State::Dead } else { State::Ready }));
            // Something may have been called off for it.
            changes.ended |= new.when_pending == WhenPending::Supersede;
        }
    }
    changes
}
