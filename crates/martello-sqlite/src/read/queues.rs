use martello_outbox::QueueStats;
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
    let sql = "SELECT name, ready, leased, done, dead, cancelled, paused, held_until, held,
             (SELECT min(due_at) FROM entry INDEXED BY entry_ready WHERE queue = name AND state = 0 AND head = 1),
             (SELECT min(due_at) FROM entry INDEXED BY entry_ready WHERE queue = name AND state = 0 AND head = 0)
         FROM queue ORDER BY name";
    sql::all(&reader.connection, sql, params![], |row| stats(row, now))
}

fn stats(row: &Row<'_>, now: i64) -> Result<QueueStats, Fault> {
    let count = |column| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or_default());
    let (head, behind): (Option<i64>, Option<i64>) = (row.get(9)?, row.get(10)?);
    let longest = head.into_iter().chain(behind).min().filter(|due| *due <= now);
    let held_until = row.get::<_, Option<i64>>(7)?.filter(|until| now < *until);
    Ok(QueueStats {
        queue: word(row, 0, "queue name")?,
        ready: count(1)?,
        leased: count(2)?,
        done: count(3)?,
        dead: count(4)?,
        cancelled: count(5)?,
        oldest_due: longest.map(|due| duration(now.saturating_sub(due))),
        paused: row.get(6)?,
        held_until: held_until.map(timestamp),
        held: row.get::<_, Option<_>>(8)?.filter(|_| held_until.is_some()),
    })
}
