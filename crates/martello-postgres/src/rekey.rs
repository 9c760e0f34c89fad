//! Version 3: what was ordered by the target of its request has the key of today's rule, and each key its head.

use martello_outbox::{OrderKey, StoreError};
use sqlx::{AssertSqlSafe, PgConnection, Row};

use crate::{fault::explain, migrate::run, schema::Schema};

/// How many entries are read at a time.
const AT_ONCE: i64 = 500;

/// Nobody else changes anything meanwhile: a program of an older version may still be at work. The tables come in the
/// order in which a turn changes them.
const LOCK: &str = "SET LOCAL lock_timeout = '30s';
     LOCK TABLE __.slot, __.entry, __.arriving, __.ready IN EXCLUSIVE MODE";

/// An entry's key was made of its first request.
const ENTRIES: &str = "SELECT e.seq, e.order_key, r.method, r.url
     FROM __.entry e JOIN __.request r ON r.entry = e.seq AND r.number = 1
     WHERE e.seq > $1 ORDER BY e.seq LIMIT $2";

const SET_KEYS: &str = "UPDATE __.entry e SET order_key = n.order_key
     FROM unnest($1::bigint[], $2::text[]) AS n (seq, order_key) WHERE e.seq = n.seq";

/// Where two that were under way have one key now, neither is: their workers can no longer settle them, and the next turn
/// takes them back, so that one goes after the other.
const TAKE_LEASES: &str = "UPDATE __.slot SET fence = gen_random_uuid(), until = 0
     WHERE seq IN (SELECT e.seq FROM __.entry e JOIN __.slot s ON s.seq = e.seq
         WHERE EXISTS (SELECT FROM __.slot t JOIN __.entry o ON o.seq = t.seq
             WHERE o.order_key = e.order_key AND o.queue = e.queue AND o.seq <> e.seq))";

/// Of each key the oldest that is pending, unless one is leased.
const SET_HEADS: &str =
    "DELETE FROM __.ready r USING __.entry e WHERE e.seq = r.seq AND e.order_key IS NOT NULL;
     INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key)
     SELECT DISTINCT ON (e.queue, e.order_key) e.queue, e.due_at, e.seq, e.expires_at, e.order_key
     FROM __.entry e
     WHERE e.state = 0 AND e.order_key IS NOT NULL
         AND NOT EXISTS (SELECT FROM __.slot s JOIN __.entry o ON o.seq = s.seq
             WHERE o.order_key = e.order_key AND o.queue = e.queue)
     ORDER BY e.queue, e.order_key, e.seq";

/// Runs in the transaction of the migration.
pub(crate) async fn rekey(connection: &mut PgConnection, schema: &Schema) -> Result<(), StoreError> {
    run(connection, schema, LOCK).await?;
    let mut last = i64::MIN;
    loop {
        let entries = sqlx::query(AssertSqlSafe(schema.sql(ENTRIES))).bind(last).bind(AT_ONCE);
        let entries = entries.fetch_all(&mut *connection).await.map_err(explain)?;
        let (mut seqs, mut keys) = (Vec::new(), Vec::new());
        for row in &entries {
            let read = || Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?));
            let (seq, key, method, url): (i64, Option<&str>, &str, &str) = read().map_err(explain)?;
            last = seq;
            if let Some(key) = OrderKey::rederived(key, method, url) {
                seqs.push(seq);
                keys.push(String::from(key));
            }
        }
        if !seqs.is_empty() {
            let set = sqlx::query(AssertSqlSafe(schema.sql(SET_KEYS))).bind(seqs).bind(keys);
            set.execute(&mut *connection).await.map_err(explain)?;
        }
        if entries.is_empty() {
            break;
        }
    }
    run(connection, schema, TAKE_LEASES).await?;
    run(connection, schema, SET_HEADS).await
}
