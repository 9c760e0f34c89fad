use crate::id::Id;
use martello_outbox::{AttemptRecord, Detail, EntryEvent, EntryId, Revision, StoreError};
use sqlx::postgres::PgRow;

use super::entry::{Columns, GLANCE, glance, request, status, word};
use crate::{
    engine::Shared,
    fault::damaged,
    time::{duration, timestamp},
};

/// Everything about an entry in one row: the histories as arrays, one for each column.
const DETAIL: &str = "SELECT g.*,
         EXISTS (SELECT FROM __.entry e
             WHERE e.order_key = g.order_key AND e.queue = g.queue AND e.state = 2 AND e.seq > g.seq),
         r.*, a.*, v.*
     FROM __.glance g
     CROSS JOIN LATERAL (SELECT array_agg(number ORDER BY number), array_agg(made_at ORDER BY number),
         array_agg(method ORDER BY number), array_agg(url ORDER BY number), array_agg(headers ORDER BY number),
         array_agg(sealed ORDER BY number), array_agg(body ORDER BY number)
         FROM __.request WHERE entry = g.seq) AS r
     CROSS JOIN LATERAL (SELECT array_agg(number ORDER BY number), array_agg(revision ORDER BY number),
         array_agg(started_at ORDER BY number), array_agg(duration ORDER BY number),
         array_agg(outcome ORDER BY number), array_agg(status ORDER BY number),
         array_agg(tracking_id ORDER BY number), array_agg(fault ORDER BY number), array_agg(worker ORDER BY number)
         FROM __.attempt WHERE entry = g.seq) AS a
     CROSS JOIN LATERAL (SELECT array_agg(at ORDER BY n), array_agg(kind ORDER BY n), array_agg(detail ORDER BY n)
         FROM __.event WHERE entry = g.seq) AS v
     WHERE g.id = $1";

/// All that is known of the entry.
pub(crate) async fn detail(shared: &Shared, id: EntryId) -> Result<Option<Detail>, StoreError> {
    let statement = shared.statement(DETAIL).bind(Id(*id.as_bytes())).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    rows.first().map(read).transpose()
}

fn read(row: &PgRow) -> Result<Detail, StoreError> {
    let (_, entry) = glance(row, 0)?;
    let mut columns = Columns { row, next: GLANCE };
    let overtaken = columns.next()?;
    let revisions = revisions(&mut columns)?;
    let attempts = attempts(&mut columns)?;
    let events = events(&mut columns)?;
    Ok(Detail { entry, revisions, attempts, events, overtaken })
}

impl Columns<'_> {
    /// A column of a history, which is none if that is empty.
    fn history<T>(&mut self) -> Result<std::vec::IntoIter<T>, StoreError>
    where
        Option<Vec<T>>: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        Ok(self.next::<Option<Vec<T>>>()?.unwrap_or_default().into_iter())
    }
}

fn number(number: i32) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|_| damaged("number"))
}

fn revisions(columns: &mut Columns<'_>) -> Result<Vec<Revision>, StoreError> {
    let (numbers, at) = (columns.history::<i32>()?, columns.history::<i64>()?);
    let (methods, urls) = (columns.history::<String>()?, columns.history::<String>()?);
    let (headers, sealed) = (columns.history::<String>()?, columns.history::<bool>()?);
    let bodies = columns.history::<Vec<u8>>()?;
    let rows = numbers.zip(at).zip(methods.zip(urls)).zip(headers.zip(sealed)).zip(bodies);
    rows.map(|((((n, at), (method, url)), (headers, sealed)), body)| {
        let (method, uri) = (word(&method, "method")?, word(&url, "url")?);
        let request = request(method, uri, &headers, sealed, body)?;
        Ok(Revision { number: number(n)?, at: timestamp(at), request })
    })
    .collect()
}

fn attempts(columns: &mut Columns<'_>) -> Result<Vec<AttemptRecord>, StoreError> {
    let (numbers, revisions) = (columns.history::<i32>()?, columns.history::<i32>()?);
    let (started, durations) = (columns.history::<i64>()?, columns.history::<i64>()?);
    let (outcomes, statuses) = (columns.history::<String>()?, columns.history::<Option<i16>>()?);
    let tracking_ids = columns.history::<Option<String>>()?;
    let (faults, workers) = (columns.history::<Option<String>>()?, columns.history::<Option<String>>()?);
    let rows = numbers.zip(revisions).zip(started.zip(durations)).zip(outcomes.zip(statuses));
    rows.zip(tracking_ids.zip(faults.zip(workers)))
        .map(|((((n, revision), (started, lasted)), (outcome, code)), (tracking_id, (fault, worker)))| {
            Ok(AttemptRecord {
                number: number(n)?,
                revision: number(revision)?,
                started: timestamp(started),
                duration: duration(lasted),
                outcome: word(&outcome, "outcome")?,
                status: status(code)?,
                tracking_id: tracking_id.map(|id| word(&id, "tracking id")).transpose()?,
                fault: fault.map(Into::into),
                worker: worker.map(Into::into),
            })
        })
        .collect()
}

fn events(columns: &mut Columns<'_>) -> Result<Vec<EntryEvent>, StoreError> {
    let (at, kinds) = (columns.history::<i64>()?, columns.history::<String>()?);
    let details = columns.history::<Option<String>>()?;
    at.zip(kinds)
        .zip(details)
        .map(|((at, kind), detail)| {
            Ok(EntryEvent { at: timestamp(at), kind: word(&kind, "event")?, detail: detail.map(Into::into) })
        })
        .collect()
}
