use martello_outbox::{JobId, ReplayJob, StoreError, engine::replay_job};

use super::columns::Columns;
use crate::{id::Id, shared::Shared};

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
    rows.iter().map(|row| replay_job(&mut Columns::new(row, 0))).collect()
}

/// The replay with this id.
pub(crate) async fn replay(shared: &Shared, id: JobId) -> Result<ReplayJob, StoreError> {
    let statement = shared.statement(select_replay!("WHERE id = $1")).bind(Id(*id.as_bytes()));
    let rows = shared.connections.rows(&statement.repeatable()).await?;
    let row = rows.first().ok_or_else(|| StoreError::no_replay(id))?;
    replay_job(&mut Columns::new(row, 0))
}
