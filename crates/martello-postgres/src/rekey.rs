//! The data step of the migration to version 3. It derives order keys by the current rule, fills the table of
//! ready entries, stores the authority of pending and dead entries, and marks overtaken dead letters.

use martello_outbox::{
    State, StoreError,
    engine::{authority_of, rederived_order_key, state_code},
};
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use crate::{explain::explain, schema::Schema, statement::run_script};

/// The number of entries that one query reads.
const BATCH: i64 = 500;

/// The key of an entry derives from its first request, and the authority from its last.
const ENTRIES: &str = "SELECT e.seq, e.state, e.order_key, r.method, r.url, l.url
     FROM __.entry e JOIN __.request r ON r.entry = e.seq AND r.number = 1
     JOIN __.request l ON l.entry = e.seq AND l.number = e.revision
     WHERE e.seq > $1 ORDER BY e.seq LIMIT $2";

const SET_BOTH: &str =
    "UPDATE __.entry e SET order_key = coalesce(n.order_key, e.order_key), authority = coalesce(n.authority, e.authority)
     FROM unnest($1::bigint[], $2::text[], $3::text[]) AS n (seq, order_key, authority) WHERE e.seq = n.seq";

/// Revokes the leases of entries that share a key now. Their workers can no longer settle them. The next turn
/// reclaims them, and they are delivered one after the other.
const REVOKE_LEASES: &str = "UPDATE __.slot SET fence = gen_random_uuid(), until = 0
     WHERE seq IN (SELECT e.seq FROM __.entry e JOIN __.slot s ON s.seq = e.seq
         WHERE EXISTS (SELECT FROM __.slot t JOIN __.entry o ON o.seq = t.seq
             WHERE o.order_key = e.order_key AND o.queue = e.queue AND o.seq <> e.seq))";

/// Inserts the entries without a key, and the oldest pending entry of each key that has no leased entry.
const FILL_READY: &str = "INSERT INTO __.ready (queue, due_at, seq, expires_at, authority)
     SELECT e.queue, e.due_at, e.seq, e.expires_at, e.authority FROM __.entry e
     WHERE e.state = 0 AND e.order_key IS NULL AND NOT EXISTS (SELECT FROM __.slot s WHERE s.seq = e.seq);
     INSERT INTO __.ready (queue, due_at, seq, expires_at, order_key, authority)
     SELECT DISTINCT ON (e.queue, e.order_key) e.queue, e.due_at, e.seq, e.expires_at, e.order_key, e.authority
     FROM __.entry e
     WHERE e.state = 0 AND e.order_key IS NOT NULL
         AND NOT EXISTS (SELECT FROM __.slot s JOIN __.entry o ON o.seq = s.seq
             WHERE o.order_key = e.order_key AND o.queue = e.queue)
     ORDER BY e.queue, e.order_key, e.seq";

/// Marks a dead letter if a newer entry of its key is done. Each dead letter costs one lookup in the index of
/// keys.
const MARK_CERTAIN: &str = "UPDATE __.entry d SET overtaken = 2 WHERE d.state = 3 AND d.order_key IS NOT NULL
     AND d.seq < (SELECT max(o.seq) FROM __.entry o
         WHERE o.order_key = d.order_key AND o.queue = d.queue AND o.state = 2)";

/// Marks a dead letter if a newer entry of its key may have been processed, by the rule of
/// `Outcome::may_be_processed`.
const MARK_POSSIBLE: &str = "UPDATE __.entry d SET overtaken = 1 FROM (
         SELECT queue, order_key, max(seq) AS newest FROM __.entry e
         WHERE order_key IS NOT NULL AND state <> 2 AND (reason IN ('ambiguous', 'crashed') OR EXISTS (
             SELECT FROM __.attempt a WHERE a.entry = e.seq AND (outcome IN ('success', 'ambiguous')
                 OR outcome IN ('unavailable', 'faulty') AND (status IS NULL OR status BETWEEN 500 AND 599 AND status <> 503))))
         GROUP BY queue, order_key
     ) AS n
     WHERE d.state = 3 AND d.overtaken IS NULL AND d.order_key = n.order_key AND d.queue = n.queue AND d.seq < n.newest";

/// Rekeys all entries. The caller runs it in the transaction of the migration, with the tables locked.
pub(crate) async fn rekey(connection: &mut PgConnection, schema: &Schema) -> Result<(), StoreError> {
    let mut last = i64::MIN;
    loop {
        let entries =
            sqlx::query(AssertSqlSafe(schema.sql(ENTRIES))).persistent(false).bind(last).bind(BATCH);
        let entries = entries.fetch_all(&mut *connection).await.map_err(explain)?;
        let (mut seqs, mut keys, mut authorities) = (Vec::new(), Vec::new(), Vec::new());
        for row in &entries {
            let entry = Entry::read(row).map_err(explain)?;
            last = entry.seq;
            let (key, authority) = (entry.key(), entry.authority());
            if key.is_some() || authority.is_some() {
                seqs.push(entry.seq);
                keys.push(key);
                authorities.push(authority);
            }
        }
        if !seqs.is_empty() {
            let set = sqlx::query(AssertSqlSafe(schema.sql(SET_BOTH)))
                .persistent(false)
                .bind(seqs)
                .bind(keys)
                .bind(authorities);
            set.execute(&mut *connection).await.map_err(explain)?;
        }
        if entries.is_empty() {
            break;
        }
    }
    for sql in [REVOKE_LEASES, FILL_READY, MARK_CERTAIN, MARK_POSSIBLE] {
        run_script(connection, schema, sql).await?;
    }
    Ok(())
}

struct Entry<'r> {
    seq: i64,
    state: i16,
    order_key: Option<&'r str>,
    method: &'r str,
    first_url: &'r str,
    last_url: &'r str,
}

impl<'r> Entry<'r> {
    fn read(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get(0)?,
            state: row.try_get(1)?,
            order_key: row.try_get(2)?,
            method: row.try_get(3)?,
            first_url: row.try_get(4)?,
            last_url: row.try_get(5)?,
        })
    }

    /// The key by the current rule, if it differs from the stored one.
    fn key(&self) -> Option<String> {
        rederived_order_key(self.order_key, self.method, self.first_url).map(String::from)
    }

    /// The authority of an entry that may still be sent.
    fn authority(&self) -> Option<String> {
        let may_be_sent = [State::Ready, State::Dead].map(state_code).map(i16::from).contains(&self.state);
        let mut authority = authority_of(self.last_url).filter(|_| may_be_sent)?;
        // Older versions stored hosts of any length. An index row cannot hold more, and no real host is so
        // long.
        authority.truncate(authority.floor_char_boundary(1_000));
        Some(authority)
    }
}
