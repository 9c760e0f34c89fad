use martello_outbox::{Check, engine::health};
use rusqlite::{Params, params};

use crate::{fault::Fault, open::NEWEST, readers::Reader};

/// Checks the health of the file. This reads all of it.
pub(crate) fn check_health(reader: &Reader) -> Result<Vec<Check>, Fault> {
    let check = HealthCheck { reader };
    Ok(vec![
        check.schema()?,
        check.integrity()?,
        check.durability()?,
        check.counts()?,
        check.order()?,
        check.leases()?,
        check.clock()?,
    ])
}

struct HealthCheck<'a> {
    reader: &'a Reader,
}

impl HealthCheck<'_> {
    fn number(&self, sql: &str) -> Result<i64, Fault> {
        Ok(self.reader.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn count(&self, sql: &str, params: impl Params) -> Result<u64, Fault> {
        let count: i64 = self.reader.connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    fn text(&self, sql: &str) -> Result<String, Fault> {
        Ok(self.reader.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn schema(&self) -> Result<Check, Fault> {
        Ok(health::schema(self.number("PRAGMA user_version")?, i64::from(NEWEST)))
    }

    fn integrity(&self) -> Result<Check, Fault> {
        let check = self.text("PRAGMA integrity_check(1)")?;
        if check == "ok" {
            return Ok(Check::passed("integrity", "SQLite finds no error in the file"));
        }
        // SQLite's text names tables and pages, not values.
        let seen =
            format!("{check}: stop all programs that use the file, keep a copy, then restore a backup");
        Ok(Check::failed("integrity", seen))
    }

    fn durability(&self) -> Result<Check, Fault> {
        let (mode, level) = (self.text("PRAGMA journal_mode")?, self.number("PRAGMA synchronous")?);
        if mode == "wal" && level >= 2 {
            return Ok(Check::passed("durability", "write-ahead log, synchronous on every commit"));
        }
        let seen = format!(
            "journal_mode is {mode} and synchronous is {level}: close the store and open it again to reset them"
        );
        Ok(Check::failed("durability", seen))
    }

    fn counts(&self) -> Result<Check, Fault> {
        let sql = "SELECT count(*) FROM queue LEFT JOIN (
                 SELECT queue, sum(state = 0) AS r, sum(state = 1) AS l, sum(state = 2) AS o, sum(state = 3) AS d,
                     sum(state = 4) AS c
                 FROM outbox GROUP BY queue) ON queue = name
             WHERE (ready, leased, done, dead, cancelled)
                 IS NOT (coalesce(r, 0), coalesce(l, 0), coalesce(o, 0), coalesce(d, 0), coalesce(c, 0))";
        Ok(health::counts(self.count(sql, [])?))
    }

    fn order(&self) -> Result<Check, Fault> {
        // The head of a key is its oldest pending entry if that is ready and no other is leased.
        let sql = "SELECT count(*) FROM outbox AS e WHERE state = 0 AND head IS NOT (order_key IS NULL OR NOT EXISTS (
                 SELECT 1 FROM outbox AS o WHERE o.order_key = e.order_key AND o.queue = e.queue AND o.pending = 1
                 AND (o.state = 1 OR o.seq < e.seq)))";
        Ok(health::order(self.count(sql, [])?))
    }

    fn leases(&self) -> Result<Check, Fault> {
        let sql = "SELECT count(*) FROM outbox WHERE state = 1 AND lease_until <= ?1";
        Ok(health::leases(self.count(sql, params![self.reader.now()])?))
    }

    fn clock(&self) -> Result<Check, Fault> {
        let newest = self.number("SELECT coalesce(max(changed_at), 0) FROM outbox")?;
        Ok(health::clock(self.reader.now(), newest, "machine"))
    }
}
