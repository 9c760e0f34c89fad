use martello_outbox::{Check, StoreError, engine::health};
use sqlx::{Decode, Postgres, Row, Type};

use crate::{explain::explain, migrate::NEWEST, shared::Shared};

/// Examines the schema. It reads all entries.
pub(crate) async fn check_health(shared: &Shared) -> Result<Vec<Check>, StoreError> {
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

    async fn count(&self, sql: &str) -> Result<u64, StoreError> {
        Ok(self.ask::<i64>(sql).await?.try_into().unwrap_or_default())
    }

    async fn schema(&self) -> Result<Check, StoreError> {
        let version: i32 = self.ask("SELECT max(version) FROM __.martello_migration").await?;
        Ok(health::schema(version.into(), NEWEST.into()))
    }

    async fn durability(&self) -> Result<Check, StoreError> {
        let sql = "SELECT concat('fsync ', current_setting('fsync'), ', full_page_writes ',
             current_setting('full_page_writes'), ', synchronous_commit ', current_setting('synchronous_commit'))
             FROM __.begin_write(NULL)";
        let seen: String = self.ask(sql).await?;
        if seen.contains(" off") {
            let seen = format!("{seen}: a crash of the server may lose acknowledged entries, so set them on");
            return Ok(Check::failed("durability", seen));
        }
        Ok(Check::passed("durability", seen))
    }

    async fn counts(&self) -> Result<Check, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT queue, sum(pending) AS p, sum(done) AS o, sum(dead) AS d,
                 sum(cancelled) AS c FROM __.tally GROUP BY queue) AS counted
             FULL JOIN (SELECT queue, count(*) FILTER (WHERE state = 0) AS p, count(*) FILTER (WHERE state = 2) AS o,
                 count(*) FILTER (WHERE state = 3) AS d, count(*) FILTER (WHERE state = 4) AS c
                 FROM __.entry GROUP BY queue) AS found USING (queue)
             WHERE (coalesce(counted.p, 0), coalesce(counted.o, 0), coalesce(counted.d, 0), coalesce(counted.c, 0))
                 <> (coalesce(found.p, 0), coalesce(found.o, 0), coalesce(found.d, 0), coalesce(found.c, 0))";
        Ok(health::counts(self.count(sql).await?))
    }

    async fn order(&self) -> Result<Check, StoreError> {
        // Of each key, the oldest that is pending is at the head, unless another is leased; what has just
        // arrived waits.
        let sql = "SELECT count(*) FROM __.entry e LEFT JOIN __.ready r
                 ON r.queue = e.queue AND r.due_at = e.due_at AND r.seq = e.seq
             WHERE (r.seq IS NOT NULL) <> (e.state = 0 AND NOT EXISTS (SELECT FROM __.slot s WHERE s.seq = e.seq)
                 AND (e.order_key IS NULL OR NOT EXISTS (SELECT FROM __.entry o WHERE o.order_key = e.order_key
                     AND o.queue = e.queue AND o.state = 0
                     AND (o.seq < e.seq OR EXISTS (SELECT FROM __.slot s WHERE s.seq = o.seq)))))
                 AND NOT EXISTS (SELECT FROM __.arriving a JOIN __.entry o ON o.seq = a.seq
                     WHERE o.queue = e.queue AND o.order_key = e.order_key)";
        Ok(health::order(self.count(sql).await?))
    }

    async fn requests(&self) -> Result<Check, StoreError> {
        let sql = "SELECT count(*) FROM __.entry e
             WHERE NOT EXISTS (SELECT FROM __.request WHERE entry = e.seq AND number = e.revision)";
        Ok(health::requests(self.count(sql).await?))
    }

    async fn leases(&self) -> Result<Check, StoreError> {
        let sql = "SELECT count(*) FROM __.slot WHERE until <= __.moment($1)";
        let statement = self.shared.statement(sql).bind(self.shared.now()).repeatable();
        let rows = self.shared.connections.rows(&statement).await?;
        let expired: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(explain)?;
        Ok(health::leases(expired.try_into().unwrap_or_default()))
    }

    async fn clock(&self) -> Result<Check, StoreError> {
        let sql = "SELECT __.moment($1), coalesce(max(changed_at), 0) FROM __.entry";
        let statement = self.shared.statement(sql).bind(self.shared.now()).repeatable();
        let rows = self.shared.connections.rows(&statement).await?;
        let read = |column| rows.first().map_or(Ok(0), |row| row.try_get(column)).map_err(explain);
        let (now, newest): (i64, i64) = (read(0)?, read(1)?);
        Ok(health::clock(now, newest, "server"))
    }
}
