use martello_outbox::{Held, QueueStats, StoreError};
use sqlx::postgres::PgRow;

use super::entry::Columns;
use crate::{
    fault::corrupt,
    shared::Shared,
    time::{duration, timestamp},
};

/// What stands in the tally, the slots and the holds is little, however many entries there are; the oldest is looked for
/// among what is ready, and behind it where entries wait for another of their key.
const QUEUES: &str = "SELECT name, coalesce(pending, 0) - coalesce(leased, 0), coalesce(leased, 0), coalesce(done, 0),
         coalesce(dead, 0), coalesce(cancelled, 0), paused, now,
         least((SELECT due_at FROM __.ready WHERE ready.queue = name ORDER BY due_at LIMIT 1),
             (SELECT due_at FROM __.entry e WHERE e.queue = name AND e.state = 0 AND e.order_key IS NOT NULL
                 AND NOT EXISTS (SELECT FROM __.slot s WHERE s.seq = e.seq) ORDER BY due_at LIMIT 1)),
         authorities, untils, whys, in_rows
     FROM (SELECT queue AS name, sum(pending)::bigint AS pending, sum(done)::bigint AS done,
             sum(dead)::bigint AS dead, sum(cancelled)::bigint AS cancelled FROM __.tally GROUP BY queue) AS counts
     FULL JOIN __.queue USING (name)
     LEFT JOIN (SELECT queue AS name, count(seq) AS leased FROM __.slot GROUP BY queue) AS slots USING (name)
     LEFT JOIN (SELECT queue AS name, array_agg(authority ORDER BY authority) AS authorities,
             array_agg(until ORDER BY authority) AS untils, array_agg(why ORDER BY authority) AS whys,
             array_agg(in_row ORDER BY authority) AS in_rows FROM __.hold GROUP BY queue) AS holds USING (name)
     CROSS JOIN (SELECT __.moment($1) AS now) AS clock
     ORDER BY name";

/// The queues, by name.
pub(crate) async fn queues(shared: &Shared) -> Result<Vec<QueueStats>, StoreError> {
    let statement = shared.statement(QUEUES).bind(shared.now()).repeatable();
    let rows = shared.connections.rows(&statement).await?;
    rows.iter().map(stats).collect()
}

fn stats(row: &PgRow) -> Result<QueueStats, StoreError> {
    let mut columns = Columns { row, next: 0 };
    let queue = columns.word("queue name")?;
    let mut count = || columns.next::<i64>().map(|count| u64::try_from(count).unwrap_or_default());
    let (ready, leased, done, dead, cancelled) = (count()?, count()?, count()?, count()?, count()?);
    let paused = columns.next()?;
    let now: i64 = columns.next()?;
    let longest = columns.next::<Option<i64>>()?.filter(|due| *due <= now);
    let oldest_due = longest.map(|due| duration(now.saturating_sub(due)));
    let holds = holds(&mut columns)?;
    Ok(QueueStats { queue, ready, leased, done, dead, cancelled, oldest_due, paused, holds })
}

fn holds(columns: &mut Columns<'_>) -> Result<Vec<Held>, StoreError> {
    let (authorities, untils) = (columns.list::<String>()?, columns.list::<i64>()?);
    let (whys, in_rows) = (columns.list::<String>()?, columns.list::<i64>()?);
    let rows = authorities.zip(untils).zip(whys.zip(in_rows));
    rows.map(|((authority, until), (why, in_row))| {
        let in_row = u32::try_from(in_row).map_err(|_| corrupt("number"))?;
        Ok(Held { authority, until: timestamp(until), why, in_row })
    })
    .collect()
}
