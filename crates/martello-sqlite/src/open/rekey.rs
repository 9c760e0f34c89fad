//! Version 3: what was ordered by the target of its request has the key of today's rule, and each key its head.

use martello_outbox::OrderKey;
use rusqlite::{Connection, params};

use crate::sql;

/// How many entries are read at a time.
const AT_ONCE: i64 = 500;

/// An entry's key was made of its first request.
const ENTRIES: &str = "SELECT e.seq, e.order_key, coalesce(f.method, r.method), coalesce(f.url, r.url)
     FROM entry AS e CROSS JOIN request AS r ON r.entry = e.seq
     LEFT JOIN earlier_request AS f ON f.entry = e.seq AND f.number = 1
     WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";

/// Where two that were under way have one key now, neither is: their workers can no longer settle them, and the next turn
/// takes them back, so that one goes after the other.
const TAKE_LEASES: &str = "UPDATE entry SET fence = random(), lease_until = 0
     WHERE state = 1 AND EXISTS (SELECT 1 FROM entry AS o WHERE o.order_key = entry.order_key
         AND o.queue = entry.queue AND o.pending = 1 AND o.state = 1 AND o.seq <> entry.seq)";

const SET_HEADS: &str = "UPDATE entry SET head = NOT head
     WHERE state = 0 AND head IS NOT (order_key IS NULL OR NOT EXISTS (SELECT 1 FROM entry AS o
         WHERE o.order_key = entry.order_key AND o.queue = entry.queue AND o.pending = 1
         AND (o.state = 1 OR o.seq < entry.seq)))";

/// Runs in the transaction of the migration.
pub(super) fn rekey(connection: &Connection) -> rusqlite::Result<()> {
    let mut last = i64::MIN;
    loop {
        let entries = sql::all(connection, ENTRIES, params![last, AT_ONCE], |row| {
            let key: Option<String> = row.get(1)?;
            let (method, url): (String, String) = (row.get(2)?, row.get(3)?);
            let key = OrderKey::rederived(key.as_deref(), &method, &url);
            Ok::<(i64, Option<OrderKey>), rusqlite::Error>((row.get(0)?, key))
        })?;
        let Some((seq, _)) = entries.last() else { break };
        last = *seq;
        for (seq, key) in &entries {
            if let Some(key) = key {
                let sql = "UPDATE entry SET order_key = ?2 WHERE seq = ?1";
                sql::run(connection, sql, params![seq, key.as_str()])?;
            }
        }
    }
    connection.execute(TAKE_LEASES, [])?;
    connection.execute(SET_HEADS, [])?;
    Ok(())
}
