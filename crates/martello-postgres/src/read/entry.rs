use martello_outbox::{
    AttemptRecord, Detail, Entry, EntryEvent, EntryId, Revision, StoreError,
    engine::{corrupt, duration, entry as read_entry, parse, status, stored_request, timestamp},
};
use sqlx::postgres::PgRow;

use super::columns::Columns;
use crate::{id::Id, shared::Shared};

/// An entry and all that is known of it in one row: each history as one array per column.
const DETAIL: &str = "SELECT o.*, r.*, a.*, v.*
     FROM __.overview o
     CROSS JOIN LATERAL (SELECT array_agg(number ORDER BY number), array_agg(made_at ORDER BY number),
         array_agg(method ORDER BY number), array_agg(url ORDER BY number), array_agg(headers ORDER BY number),
         array_agg(sealed ORDER BY number), array_agg(body ORDER BY number)
         FROM __.request WHERE entry = o.seq) AS r
     CROSS JOIN LATERAL (SELECT array_agg(number ORDER BY number), array_agg(revision ORDER BY number),
         array_agg(started_at ORDER BY number), array_agg(duration ORDER BY number),
         array_agg(outcome ORDER BY number), array_agg(status ORDER BY number),
         array_agg(tracking_id ORDER BY number), array_agg(fault ORDER BY number), array_agg(worker ORDER BY number)
         FROM __.attempt WHERE entry = o.seq) AS a
     CROSS JOIN LATERAL (SELECT array_agg(at ORDER BY n), array_agg(kind ORDER BY n), array_agg(detail ORDER BY n)
         FROM __.event WHERE entry = o.seq) AS v
     WHERE o.id = $1";

/// The entry with this id.
pub(crate) async fn entry(shared: &Shared, id: EntryId) -> Result<Option<Entry>, StoreError> {
    let sql = "SELECT * FROM __.overview WHERE id = $1";
    let statement = shared.statement(sql).bind(Id(*id.as_bytes())).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    rows.first().map(|row| overview(row, 0).map(|(_, entry)| entry)).transpose()
}

/// An entry and its position in the order of the store, from the columns of the view `overview`, of which
/// `from` is the first.
pub(crate) fn overview(row: &PgRow, from: usize) -> Result<(i64, Entry), StoreError> {
    read_entry(&mut Columns::new(row, from))
}

/// All that is known of the entry.
pub(crate) async fn detail(shared: &Shared, id: EntryId) -> Result<Option<Detail>, StoreError> {
    let statement = shared.statement(DETAIL).bind(Id(*id.as_bytes())).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    rows.first().map(read_detail).transpose()
}

fn read_detail(row: &PgRow) -> Result<Detail, StoreError> {
    let mut columns = Columns::new(row, 0);
    let (_, entry) = read_entry(&mut columns)?;
    let revisions = revisions(&mut columns)?;
    let attempts = attempts(&mut columns)?;
    let events = events(&mut columns)?;
    Ok(Detail { entry, revisions, attempts, events })
}

fn number(number: i32) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| corrupt("number"))
}

fn revisions(columns: &mut Columns<'_>) -> Result<Vec<Revision>, StoreError> {
    let (numbers, at) = (columns.list::<i32>()?, columns.list::<i64>()?);
    let (methods, urls) = (columns.list::<String>()?, columns.list::<String>()?);
    let (headers, sealed) = (columns.list::<String>()?, columns.list::<bool>()?);
    let bodies = columns.list::<Vec<u8>>()?;
    let rows = numbers.zip(at).zip(methods.zip(urls)).zip(headers.zip(sealed)).zip(bodies);
    rows.map(|((((n, at), (method, url)), (headers, sealed)), body)| {
        let request = stored_request(&method, &url, &headers, sealed, body)?;
        Ok(Revision { number: number(n)?, at: timestamp(at), request })
    })
    .collect()
}

fn attempts(columns: &mut Columns<'_>) -> Result<Vec<AttemptRecord>, StoreError> {
    let (numbers, revisions) = (columns.list::<i32>()?, columns.list::<i32>()?);
    let (started, durations) = (columns.list::<i64>()?, columns.list::<i64>()?);
    let (outcomes, statuses) = (columns.list::<String>()?, columns.list::<Option<i16>>()?);
    let tracking_ids = columns.list::<Option<String>>()?;
    let (faults, workers) = (columns.list::<Option<String>>()?, columns.list::<Option<String>>()?);
    let rows = numbers.zip(revisions).zip(started.zip(durations)).zip(outcomes.zip(statuses));
    rows.zip(tracking_ids.zip(faults.zip(workers)))
        .map(|((((n, revision), (started, lasted)), (outcome, code)), (tracking_id, (fault, worker)))| {
            Ok(AttemptRecord {
                number: number(n)?,
                revision: number(revision)?,
                started: timestamp(started),
                duration: duration(lasted),
                outcome: parse(&outcome, "outcome")?,
                status: status(code.map(i64::from))?,
                tracking_id: tracking_id.map(|id| parse(&id, "tracking id")).transpose()?,
                fault: fault.map(Into::into),
                worker: worker.map(Into::into),
            })
        })
        .collect()
}

fn events(columns: &mut Columns<'_>) -> Result<Vec<EntryEvent>, StoreError> {
    let (at, kinds) = (columns.list::<i64>()?, columns.list::<String>()?);
    let details = columns.list::<Option<String>>()?;
    at.zip(kinds)
        .zip(details)
        .map(|((at, kind), detail)| {
            Ok(EntryEvent { at: timestamp(at), kind: parse(&kind, "event")?, detail: detail.map(Into::into) })
        })
        .collect()
}
