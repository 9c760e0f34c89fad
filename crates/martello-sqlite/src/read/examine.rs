use std::time::Duration;

use martello_outbox::Finding;
use rusqlite::params;

use crate::{fault::Fault, open::NEWEST, readers::Reader, time::timestamp};

/// How far ahead of the clock something that has happened may be, before it says that the clock went back.
const AHEAD: Duration = Duration::from_secs(1);

/// Examines the file. It reads all of it.
pub(crate) fn examine(reader: &Reader) -> Result<Vec<Finding>, Fault> {
    let examination = Examination { reader };
    Ok(vec![
        examination.schema()?,
        examination.integrity()?,
        examination.durability()?,
        examination.counts()?,
        examination.order()?,
        examination.leases()?,
        examination.clock()?,
    ])
}

struct Examination<'a> {
    reader: &'a Reader,
}

impl Examination<'_> {
    fn number(&self, sql: &str) -> Result<i64, Fault> {
        Ok(self.reader.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn text(&self, sql: &str) -> Result<String, Fault> {
        Ok(self.reader.connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    fn schema(&self) -> Result<Finding, Fault> {
        let version = self.number("PRAGMA user_version")?;
        if version == i64::from(NEWEST) {
            return Ok(Finding::well("schema", format!("version {version}, the newest this program knows")));
        }
        let seen =
            format!("version {version}, this program knows {NEWEST}: another updated it, so update this");
        Ok(Finding::unwell("schema", seen))
    }

    fn integrity(&self) -> Result<Finding, Fault> {
        let check = self.text("PRAGMA integrity_check(1)")?;
        if check == "ok" {
            return Ok(Finding::well("integrity", "SQLite finds nothing wrong in the file"));
        }
        // It names tables and pages, not values.
        let seen = format!("{check}: stop what uses the file, keep a copy, and restore a backup");
        Ok(Finding::unwell("integrity", seen))
    }

    fn durability(&self) -> Result<Finding, Fault> {
        let (mode, level) = (self.text("PRAGMA journal_mode")?, self.number("PRAGMA synchronous")?);
        if mode == "wal" && level >= 2 {
            return Ok(Finding::well("durability", "write-ahead log, synchronous on every commit"));
        }
        let seen = format!("journal {mode}, synchronous {level}: something set them; open the store again");
        Ok(Finding::unwell("durability", seen))
    }

    fn counts(&self) -> Result<Finding, Fault> {
        let wrong = self.number(
            "SELECT count(*) FROM queue LEFT JOIN (
                 SELECT queue, sum(state = 0) AS r, sum(state = 1) AS l, sum(state = 2) AS o, sum(state = 3) AS d,
                     sum(state = 4) AS c
                 FROM outbox GROUP BY queue) ON queue = name
             WHERE (ready, leased, done, dead, cancelled)
                 IS NOT (coalesce(r, 0), coalesce(l, 0), coalesce(o, 0), coalesce(d, 0), coalesce(c, 0))",
        )?;
        Ok(judge("counts", wrong, "queues are counted wrongly", "every queue has as many entries as it says"))
    }

    fn order(&self) -> Result<Finding, Fault> {
        // Of each key, the oldest that is pending is at the head if it is ready, unless another is leased.
        let wrong = self.number(
            "SELECT count(*) FROM outbox AS e WHERE state = 0 AND head IS NOT (order_key IS NULL OR NOT EXISTS (
                 SELECT 1 FROM outbox AS o WHERE o.order_key = e.order_key AND o.queue = e.queue AND o.pending = 1
                 AND (o.state = 1 OR o.seq < e.seq)))",
        )?;
        Ok(judge("order", wrong, "entries are out of turn", "one entry of each key is at its head"))
    }

    fn leases(&self) -> Result<Finding, Fault> {
        let sql = "SELECT count(*) FROM outbox WHERE state = 1 AND lease_until <= ?1";
        let mut statement = self.reader.connection.prepare_cached(sql)?;
        let late: i64 = statement.query_row(params![self.reader.now()], |row| row.get(0))?;
        if late == 0 {
            return Ok(Finding::well("leases", "none has run out"));
        }
        let seen = format!("{late} have run out; a turn of a worker takes them, so see that one runs");
        Ok(Finding::unwell("leases", seen))
    }

    fn clock(&self) -> Result<Finding, Fault> {
        let newest = self.number("SELECT coalesce(max(changed_at), 0) FROM outbox")?;
        let now = self.reader.now();
        if newest <= crate::time::after(now, AHEAD) {
            return Ok(Finding::well(
                "clock",
                format!("{}, and nothing in the store is later", timestamp(now)),
            ));
        }
        let seen = format!(
            "{}, but something was stored at {}: set the machine's clock",
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
    let seen = format!("{wrong} {ill}: something else wrote to the file; restore a backup, or report it");
    Finding::unwell(what, seen)
}
