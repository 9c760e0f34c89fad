use martello_outbox::{JobId, ReplayJob, engine};
use rusqlite::{Connection, params};

use crate::{fault::Fault, sql};

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
    let sql = select_replay!("ORDER BY n DESC");
    sql::all(connection, sql, [], |row| engine::replay_job(&mut sql::columns(row, 0)))
}

/// The replay with this id.
pub(crate) fn replay(connection: &Connection, id: JobId) -> Result<Option<ReplayJob>, Fault> {
    let sql = select_replay!("WHERE id = ?1");
    sql::one(connection, sql, params![id.as_bytes()], |row| engine::replay_job(&mut sql::columns(row, 0)))
}
