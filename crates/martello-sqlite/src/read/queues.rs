use martello_outbox::{Held, QueueStats};
use rusqlite::{Row, params};

use super::entry::word;
use crate::{
    fault::Fault,
    readers::Reader,
    sql,
    time::{duration, timestamp},
};

/// The queues, by name. It costs the same however many entries there are.
pub(crate) fn queues(reader: &Reader) -> Result<Vec<QueueStats>, Fault> {
    let now = reader.now();
    let sql = "SELECT name, ready, leased, done, dead, cancelled, paused,
             (SELECT min(due_at) FROM outbox INDEXED BY entry_ready WHERE queue = name AND state = 0 AND head = 1),
             (SELECT min(due_at) FROM outbox INDEXED BY entry_ready WHERE queue = name AND state = 0 AND head = 0)
         FROM queue ORDER BY name";
    let mut queues = sql::all(&reader.connection, sql, params![], |row| stats(row, now))?;
    for queue in &mut queues {
        let sql = "SELECT authority, until, why, in_row FROM hold WHERE queue = ?1 ORDER BY authority";
        queue.holds = sql::all(&reader.connection, sql, params![queue.queue.as_str()], held)?;
    }
    Ok(queues)
}

fn stats(row: &Row<'_>, now: i64) -> Result<QueueStats, Fault> {
    let count = |column| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or_default());
    let (head, behind): (Option<i64>, Option<i64>) = (row.get(7)?, row.get(8)?);
    let longest = head.into_iter().chain(behind).min().filter(|due| *due <= now);
    Ok(QueueStats {
        queue: word(row, 0, "queue name")?,
        ready: count(1)?,
        leased: count(2)?,
        done: count(3)?,
        dead: count(4)?,
        cancelled: count(5)?,
        oldest_due: longest.map(|due| duration(now.saturating_sub(due))),
        paused: row.get(6)?,
        holds: Vec::new(),
    })
}

fn held(row: &Row<'_>) -> Result<Held, Fault> {
    Ok(Held { authority: row.get(0)?, until: timestamp(row.get(1)?), why: row.get(2)?, in_row: row.get(3)? })
}
