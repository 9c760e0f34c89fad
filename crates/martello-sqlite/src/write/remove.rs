use std::time::Duration;

use martello_outbox::{
    HeldAuthority, Purge, QueueName, State,
    engine::{Columns, micros, purge_filter},
};
use rusqlite::{Row, params};

use super::replay::dead;
use crate::{fault::Fault, sql, writer::Tx};

/// Deletes the dead letters that pass the filter, except protected ones.
pub(crate) fn purge(tx: &mut Tx<'_>, purge: &Purge) -> Result<u64, Fault> {
    let doomed = dead(tx, &purge_filter(purge)?, "AND kept = 0", u64::MAX >> 1)?;
    remove(tx, &doomed)
}

/// Deletes entries that have been done or cancelled for longer than `age`, oldest change first. Then deletes
/// replays of that age without entries, and holds that have been over for longer than
/// [`HeldAuthority::FORGET_AFTER`].
pub(crate) fn prune(tx: &mut Tx<'_>, age: Duration, limit: usize) -> Result<u64, Fault> {
    let before = tx.now.saturating_sub(micros(age));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "SELECT seq FROM outbox INDEXED BY entry_over WHERE state IN (2, 4) AND changed_at < ?1
         ORDER BY changed_at, seq LIMIT ?2";
    let old: Vec<i64> = sql::all(tx, sql, params![before, limit], |row| row.get(0).map_err(Fault::from))?;
    let pruned = remove(tx, &old)?;
    let sql = "DELETE FROM replay WHERE created_at < ?1
         AND NOT EXISTS (SELECT 1 FROM outbox INDEXED BY entry_job WHERE job = replay.id)";
    sql::run(tx, sql, params![before])?;
    let over = tx.now.saturating_sub(micros(HeldAuthority::FORGET_AFTER));
    sql::run(tx, "DELETE FROM hold WHERE until < ?1", params![over])?;
    Ok(pruned)
}

fn remove(tx: &mut Tx<'_>, doomed: &[i64]) -> Result<u64, Fault> {
    let mut removed = 0;
    for seq in doomed {
        for table in ["request", "earlier_request", "attempt", "event"] {
            sql::run(tx, &format!("DELETE FROM {table} WHERE entry = ?1"), params![seq])?;
        }
        let sql = "DELETE FROM outbox WHERE seq = ?1 RETURNING queue, state";
        let read = |row: &Row<'_>| {
            let mut columns = sql::columns(row, 0);
            Ok::<(QueueName, State), Fault>((columns.parsed("queue name")?, columns.state()?))
        };
        if let Some((queue, state)) = sql::one(tx, sql, params![seq], read)? {
            tx.moved(&queue, Some(state), None);
            removed += 1;
        }
    }
    Ok(removed)
}
