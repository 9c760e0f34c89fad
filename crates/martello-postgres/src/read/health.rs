use martello_outbox::{Finding, StoreError};
use sqlx::{Decode, Postgres, Row, Type};

use crate::{fault::explain, migrate::NEWEST, shared::Shared, time::timestamp};

/// How far ahead of the clock something that has happened may be, in microseconds, before it says that the clock went back.
const AHEAD: i64 = 1_000_000;

/// Examines the schema. It reads all entries.
pub(crate) async fn check_health(shared: &Shared) -> Result<Vec<Finding>, StoreError> {
    let check = HealthCheck { shared };
    Ok(vec![
        check.schema().await?,
        check.durability().await?,
        check.counts().await?,
        check.order().await?,
        check.requests().await?,
        check.leases().await?,
        check.clock().await?,
    ])
}

struct HealthCheck<'a> {
    shared: &'a Shared,
}

impl HealthCheck<'_> {
    async fn ask<T>(&self, sql: &str) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Default,
    {
        let rows = self.shared.connections.rows(&self.shared.statement(sql).repeatable()).await?;
        rows.first().map_or_else(|| Ok(T::default()), |row| row.try_get(0).map_err(explain))
    }

    async fn schema(&self) -> Result<Finding, StoreError> {
        let version: i32 = self.ask("SELECT max(version) FROM __.martello_migration").await?;
        if version == NEWEST {
            return Ok(Finding::well("schema", format!("version {version}, the newest this program knows")));
        }
        let seen =
            format!("version {version}, this program knows {NEWEST}: another updated it, so update this");
        Ok(Finding::unwell("schema", seen))
    }

    async fn durability(&self) -> Result<Finding, StoreError> {
        let sql = "SELECT concat('fsync ', current_setting('fsync'), ', full_page_writes ',
             current_setting('full_page_writes'), ', synchronous_commit ', current_setting('synchronous_commit'))
             FROM __.begin_write(NULL)";
        let seen: String = self.ask(sql).await?;
        if seen.contains(" off") {
            let seen =
                format!("{seen}: what was acknowledged may be lost in a crash of the server, so set them on");
            return Ok(Finding::unwell("durability", seen));
        }
        Ok(Finding::well("durability", seen))
    }

    async fn counts(&self) -> Result<Finding, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT queue, sum(pending) AS p, sum(done) AS o, sum(dead) AS d,
                 sum(cancelled) AS c FROM __.tally GROUP BY queue) AS counted
             FULL JOIN (SELECT queue, count(*) FILTER (WHERE state = 0) AS p, count(*) FILTER (WHERE state = 2) AS o,
                 count(*) FILTER (WHERE state = 3) AS d, count(*) FILTER (WHERE state = 4) AS c
                 FROM __.entry GROUP BY queue) AS found USING (queue)
             WHERE (coalesce(counted.p, 0), coalesce(counted.o, 0), coalesce(counted.d, 0), coalesce(counted.c, 0))
                 <> (coalesce(found.p, 0), coalesce(found.o, 0), coalesce(found.d, 0), coalesce(found.c, 0))";
        let wrong = self.ask(sql).await?;
        Ok(judge("counts", wrong, "queues are counted wrongly", "every queue has as many entries as it says"))
    }

    async fn order(&self) -> Result<Finding, StoreError> {
        // Of each key, the oldest that is pending is at the head, unless another is leased; what has just arrived waits.
        let sql = "SELECT count(*) FROM __.entry e LEFT JOIN __.ready r
                 ON r.queue = e.queue AND r.due_at = e.due_at AND r.seq = e.seq
             WHERE (r.seq IS NOT NULL) <> (e.state = 0 AND NOT EXISTS (SELECT FROM __.slot s WHERE s.seq = e.seq)
                 AND (e.order_key IS NULL OR NOT EXISTS (SELECT FROM __.entry o WHERE o.order_key = e.order_key
                     AND o.queue = e.queue AND o.state = 0
                     AND (o.seq < e.seq OR EXISTS (SELECT FROM __.slot s WHERE s.seq = o.seq)))))
                 AND NOT EXISTS (SELECT FROM __.arriving a JOIN __.entry o ON o.seq = a.seq
                     WHERE o.queue = e.queue AND o.order_key = e.order_key)";
        let wrong = self.ask(sql).await?;
        Ok(judge("order", wrong, "entries are out of turn", "one entry of each key is at its head"))
    }

    async fn requests(&self) -> Result<Finding, StoreError> {
        let sql = "SELECT count(*) FROM __.entry e
             WHERE NOT EXISTS (SELECT FROM __.request WHERE entry = e.seq AND number = e.revision)";
        let wrong = self.ask(sql).await?;
        Ok(judge("requests", wrong, "entries have no request", "every entry has its request"))
    }

    async fn leases(&self) -> Result<Finding, StoreError> {
        let sql = "SELECT count(*) FROM __.slot WHERE until <= __.moment($1)";
        let statement = self.shared.statement(sql).bind(self.shared.now()).repeatable();
        let rows = self.shared.connections.rows(&statement).await?;
        let late: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(explain)?;
        if late == 0 {
            return Ok(Finding::well("leases", "none has run out"));
        }
        let seen = format!("{late} have run out; a turn of a worker takes them, so see that one runs");
        Ok(Finding::unwell("leases", seen))
    }

    async fn clock(&self) -> Result<Finding, StoreError> {
        let sql = "SELECT __.moment($1), coalesce(max(changed_at), 0) FROM __.entry";
        let statement = self.shared.statement(sql).bind(self.shared.now()).repeatable();
        let rows = self.shared.connections.rows(&statement).await?;
        let read = |column| rows.first().map_or(Ok(0), |row| row.try_get(column)).map_err(explain);
        let (now, newest): (i64, i64) = (read(0)?, read(1)?);
        if newest <= now.saturating_add(AHEAD) {
            return Ok(Finding::well(
                "clock",
                format!("{}, and nothing in the store is later", timestamp(now)),
            ));
        }
        let seen = format!(
            "{}, but something was stored at {}: set the server's clock",
            timestamp(now),
            timestamp(newest)
        );
        Ok(Finding::unwell("clock", seen))
    }
}

fn judge(what: &str, wrong: i64, ill: &str, well: &str) -> Finding {
    if wrong == 0 {
        return Finding::well(what, well);
    }
    let seen = format!("{wrong} {ill}: something else wrote to the tables; restore a backup, or report it");
    Finding::unwell(what, seen)
}
