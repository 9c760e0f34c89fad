use martello_outbox::QueueName;
use rusqlite::params;

use crate::{fault::Fault, sql, writer::Tx};

/// Claims nothing from this queue until it is resumed.
pub(crate) fn pause(tx: &mut Tx<'_>, queue: &QueueName, why: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO queue (name, paused) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET paused = ?2";
    sql::run(tx, sql, params![queue.as_str(), why])?;
    Ok(())
}

/// Ends the pause, and all holds.
pub(crate) fn resume(tx: &mut Tx<'_>, queue: &QueueName) -> Result<(), Fault> {
    let mut changed = 0;
    for sql in ["UPDATE queue SET paused = NULL WHERE name = ?1", "DELETE FROM hold WHERE queue = ?1"] {
        changed += sql::run(tx, sql, params![queue.as_str()])?;
    }
    if changed > 0 {
        tx.released();
    }
    Ok(())
}
