use crate::id::Id;
use martello_outbox::{JobId, ReplayJob, StoreError};
use sqlx::postgres::PgRow;

use super::entry::Columns;
use crate::{fault::corrupt, shared::Shared, time::timestamp};

macro_rules! select_replay {
    ($rest:literal) => {
        concat!(
            "SELECT id, created_at, cancelled_at, filter, per_second, total, returned,
                 (SELECT count(*) FROM __.entry e WHERE e.job = r.id AND state = 0),
                 (SELECT count(*) FROM __.entry e WHERE e.job = r.id AND state = 2),
                 (SELECT count(*) FROM __.entry e WHERE e.job = r.id AND state = 3 AND NOT untouched)
             FROM __.replay r ",
            $rest
        )
    };
}

/// The replays, the newest first.
pub(crate) async fn replays(shared: &Shared) -> Result<Vec<ReplayJob>, StoreError> {
    let statement = shared.statement(select_replay!("ORDER BY n DESC")).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    rows.iter().map(job).collect()
}

/// The replay with this id.
pub(crate) async fn replay(shared: &Shared, id: JobId) -> Result<ReplayJob, StoreError> {
    let statement = shared.statement(select_replay!("WHERE id = $1")).bind(Id(*id.as_bytes()));
    let rows = shared.connections.rows(&statement.repeatable()).await?;
    rows.first().map_or_else(|| Err(StoreError::no_replay(id)), job)
}

fn job(row: &PgRow) -> Result<ReplayJob, StoreError> {
    let mut columns = Columns { row, next: 0 };
    let id = JobId::from_bytes(columns.next::<Id>()?.0);
    let (created_at, cancelled_at) = (columns.time()?, columns.next::<Option<i64>>()?.map(timestamp));
    let filter = serde_json::from_str(columns.next()?).map_err(|_| corrupt("filter"))?;
    let per_second = columns.next()?;
    let mut count = || columns.next::<i64>().map(|count| u64::try_from(count).unwrap_or_default());
    Ok(ReplayJob {
        id,
        created_at,
        cancelled_at,
        filter,
        per_second,
        total: count()?,
        returned: count()?,
        pending: count()?,
        done: count()?,
        dead: count()?,
    })
}
