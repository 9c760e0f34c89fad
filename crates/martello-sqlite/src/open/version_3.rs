//! The part of migration 3 that SQL cannot do. It rederives the order keys that the old rule made, sets the
//! heads of the new keys, fills in the authority of each entry, and marks overtaken dead letters.

use martello_outbox::{
    OrderKey,
    engine::{authority_of, rederived_order_key},
};
use rusqlite::{Connection, Row, params};

use crate::sql::{self, fnv};

/// How many entries are read at a time.
const AT_ONCE: i64 = 500;

/// Selects each entry with its first request, which made its order key, and its last, which has its
/// authority.
const ENTRIES: &str = "SELECT e.seq, e.order_key, coalesce(f.method, r.method), coalesce(f.url, r.url), r.url
     FROM outbox AS e CROSS JOIN request AS r ON r.entry = e.seq
     LEFT JOIN earlier_request AS f ON f.entry = e.seq AND f.number = 1
     WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2";

const FILL_IN: &str = "UPDATE outbox SET authority = ?2, order_key = coalesce(?3, order_key) WHERE seq = ?1";

/// Takes the leases of entries that now share a key. Their workers can no longer settle them, and the next
/// turn takes them back, so that they are delivered one after the other.
const TAKE_LEASES: &str = "UPDATE outbox SET fence = random(), lease_until = 0
     WHERE state = 1 AND EXISTS (SELECT 1 FROM outbox AS o WHERE o.order_key = outbox.order_key
         AND o.queue = outbox.queue AND o.pending = 1 AND o.state = 1 AND o.seq <> outbox.seq)";

const SET_HEADS: &str = "UPDATE outbox SET head = NOT head
     WHERE state = 0 AND head IS NOT (order_key IS NULL OR NOT EXISTS (SELECT 1 FROM outbox AS o
         WHERE o.order_key = outbox.order_key AND o.queue = outbox.queue AND o.pending = 1
         AND (o.state = 1 OR o.seq < outbox.seq)))";

/// Marks dead letters as possibly overtaken when a newer entry of the key may have been processed.
const MARK_POSSIBLY: &str = "UPDATE outbox INDEXED BY dead_key SET overtaken = 1
     FROM (SELECT order_key, queue, max(seq) AS last FROM outbox INDEXED BY entry_key
         WHERE order_key IS NOT NULL AND state <> 2 AND (state = 3 AND reason IN ('ambiguous', 'crashed')
             OR EXISTS (SELECT 1 FROM attempt WHERE entry = seq AND (outcome IN ('success', 'ambiguous')
                 OR outcome IN ('unavailable', 'faulty')
                     AND (status IS NULL OR status BETWEEN 500 AND 599 AND status <> 503))))
         GROUP BY order_key, queue) AS doubtful
     WHERE outbox.state = 3 AND outbox.order_key = doubtful.order_key AND outbox.queue = doubtful.queue
         AND outbox.seq < doubtful.last";

/// Marks dead letters as overtaken when a newer entry of the key was delivered and has not been pruned.
const MARK_CERTAINLY: &str = "UPDATE outbox INDEXED BY dead_key SET overtaken = 2
     FROM (SELECT order_key, queue, max(seq) AS last FROM outbox INDEXED BY entry_key
         WHERE order_key IS NOT NULL AND state = 2 GROUP BY order_key, queue) AS done
     WHERE outbox.state = 3 AND outbox.order_key = done.order_key AND outbox.queue = done.queue
         AND outbox.seq < done.last";

/// Runs in the transaction of the migration, after its SQL.
pub(super) fn fill_columns(connection: &Connection) -> rusqlite::Result<()> {
    let mut last = i64::MIN;
    loop {
        let entries = sql::all(connection, ENTRIES, params![last, AT_ONCE], |row| {
            let key: Option<String> = row.get(1)?;
            let (method, url): (String, String) = (row.get(2)?, row.get(3)?);
            let key = rederived_order_key(key.as_deref(), &method, &url);
            // Every entry that this crate stored has an authority.
            let authority = authority_of(&row.get::<_, String>(4)?).unwrap_or_default();
            Ok::<(i64, String, Option<OrderKey>), rusqlite::Error>((row.get(0)?, authority, key))
        })?;
        let Some((seq, ..)) = entries.last() else { break };
        last = *seq;
        for (seq, authority, key) in &entries {
            sql::run(connection, FILL_IN, params![seq, authority, key.as_ref().map(OrderKey::as_str)])?;
        }
    }
    hash_parked(connection)?;
    for sql in [TAKE_LEASES, SET_HEADS, MARK_POSSIBLY, MARK_CERTAINLY] {
        connection.execute(sql, [])?;
    }
    Ok(())
}

fn hash_parked(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT id, json FROM parked WHERE id > ?1 ORDER BY id LIMIT 1";
    let read =
        |row: &Row<'_>| Ok::<(i64, i64), rusqlite::Error>((row.get(0)?, fnv(row.get_ref(1)?.as_bytes()?)));
    let mut last = i64::MIN;
    while let Some((id, hash)) = sql::one(connection, sql, params![last], read)? {
        sql::run(connection, "UPDATE parked SET hash = ?2 WHERE id = ?1", params![id, hash])?;
        last = id;
    }
    Ok(())
}
