use martello_outbox::{
    HeldAuthority, QueueStats, StoreError,
    engine::{corrupt, duration, queue_stats, timestamp},
};
use sqlx::postgres::PgRow;

use super::columns::Columns;
use crate::shared::Shared;

/// What stands in the tally, the slots and the holds is little, however many entries there are; the oldest is
/// looked for among what is ready, and behind it where entries wait for another of their key.
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
    let mut columns = Columns::new(row, 0);
    let stats = queue_stats(&mut columns)?;
    let now: i64 = columns.get()?;
    let longest = columns.get::<Option<i64>>()?.filter(|due| *due <= now);
    let oldest_due = longest.map(|due| duration(now.saturating_sub(due)));
    Ok(QueueStats { oldest_due, holds: holds(&mut columns)?, ..stats })
}

fn holds(columns: &mut Columns<'_>) -> Result<Vec<HeldAuthority>, StoreError> {
    let (authorities, untils) = (columns.list::<String>()?, columns.list::<i64>()?);
    let (whys, in_rows) = (columns.list::<String>()?, columns.list::<i64>()?);
    let rows = authorities.zip(untils).zip(whys.zip(in_rows));
    rows.map(|((authority, until), (why, in_row))| {
        let in_row = u32::try_from(in_row).map_err(|_| corrupt("number"))?;
        Ok(HeldAuthority { authority, until: timestamp(until), why, in_row })
    })
    .collect()
}
