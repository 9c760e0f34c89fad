use martello_outbox::{JobId, ReplayJob};
use rusqlite::{Connection, Row, params};

use crate::{
    fault::{Fault, damaged},
    sql,
    time::timestamp,
};

macro_rules! select_replay {
    ($rest:literal) => {
        concat!(
            "SELECT id, created_at, cancelled_at, filter, per_second, total, returned,
                 (SELECT count(*) FROM outbox WHERE job = replay.id AND pending = 1),
                 (SELECT count(*) FROM outbox WHERE job = replay.id AND state = 2),
                 (SELECT count(*) FROM outbox WHERE job = replay.id AND state = 3 AND untouched = 0)
             FROM replay ",
            $rest
        )
    };
}

/// The replays, the newest first.
pub(crate) fn replays(connection: &Connection) -> Result<Vec<ReplayJob>, Fault> {
    sql::all(connection, select_replay!("ORDER BY n DESC"), [], job)
}

/// The replay with this id.
pub(crate) fn replay(connection: &Connection, id: JobId) -> Result<Option<ReplayJob>, Fault> {
    sql::one(connection, select_replay!("WHERE id = ?1"), params![id.as_bytes()], job)
}

fn job(row: &Row<'_>) -> Result<ReplayJob, Fault> {
    let count = |column| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or_default());
    let filter: String = row.get(3)?;
    Ok(ReplayJob {
        id: JobId::from_bytes(row.get(0)?),
        created_at: timestamp(row.get(1)?),
        cancelled_at: row.get::<_, Option<_>>(2)?.map(timestamp),
        filter: serde_json::from_str(&filter).map_err(|_| damaged("filter"))?,
        per_second: row.get(4)?,
        total: count(5)?,
        returned: count(6)?,
        pending: count(7)?,
        done: count(8)?,
        dead: count(9)?,
    })
}
