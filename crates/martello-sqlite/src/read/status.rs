use martello_outbox::{
    JobId, QueueStats, ReplayJob,
    engine::{duration, hold, queue_stats, replay_job},
};
use rusqlite::{Connection, Row, params};

use crate::{fault::Fault, readers::Reader, sql};

/// The queues, by name. The cost does not depend on the number of entries.
pub(crate) fn queues(reader: &Reader) -> Result<Vec<QueueStats>, Fault> {
    let now = reader.now();
    let sql = "SELECT name, ready, leased, done, dead, cancelled, paused,
             (SELECT min(due_at) FROM outbox INDEXED BY entry_ready WHERE queue = name AND state = 0 AND head = 1),
             (SELECT min(due_at) FROM outbox INDEXED BY entry_ready WHERE queue = name AND state = 0 AND head = 0)
         FROM queue ORDER BY name";
    let mut queues = sql::all(&reader.connection, sql, params![], |row| stats(row, now))?;
    for queue in &mut queues {
        let sql = "SELECT authority, until, why, in_row FROM hold WHERE queue = ?1 ORDER BY authority";
        queue.holds = sql::all(&reader.connection, sql, params![queue.queue.as_str()], |row| {
            hold(&mut sql::columns(row, 0))
        })?;
    }
    Ok(queues)
}

fn stats(row: &Row<'_>, now: i64) -> Result<QueueStats, Fault> {
    let mut columns = sql::columns(row, 0);
    let stats = queue_stats(&mut columns)?;
    let (head, behind): (Option<i64>, Option<i64>) = (columns.get()?, columns.get()?);
    let longest = head.into_iter().chain(behind).min().filter(|due| *due <= now);
    Ok(QueueStats { oldest_due: longest.map(|due| duration(now.saturating_sub(due))), ..stats })
}

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

/// The replays, newest first.
pub(crate) fn replays(connection: &Connection) -> Result<Vec<ReplayJob>, Fault> {
    let sql = select_replay!("ORDER BY n DESC");
    sql::all(connection, sql, [], |row| replay_job(&mut sql::columns(row, 0)))
}

/// The replay with this id.
pub(crate) fn replay(connection: &Connection, id: JobId) -> Result<Option<ReplayJob>, Fault> {
    let sql = select_replay!("WHERE id = ?1");
    sql::one(connection, sql, params![id.as_bytes()], |row| replay_job(&mut sql::columns(row, 0)))
}
