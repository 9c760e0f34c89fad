use std::time::Duration;

use martello_outbox::QueueName;
use rusqlite::params;

use crate::{fault::Fault, sql, time::after, writer::Tx};

/// Claims nothing from this queue until it is resumed.
pub(crate) fn pause(tx: &mut Tx<'_>, queue: &QueueName, why: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO queue (name, paused) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET paused = ?2";
    sql::run(tx, sql, params![queue.as_str(), why])?;
    Ok(())
}

/// Claims nothing from this queue for this long.
pub(crate) fn hold(tx: &mut Tx<'_>, queue: &QueueName, wait: Duration, why: &str) -> Result<(), Fault> {
    let sql = "INSERT INTO queue (name, held_until, held) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET held_until = ?2, held = ?3
         WHERE held_until IS NULL OR held_until < ?2";
    sql::run(tx, sql, params![queue.as_str(), after(tx.now, wait), why])?;
    Ok(())
}

/// Ends pause and hold.
pub(crate) fn resume(tx: &mut Tx<'_>, queue: &QueueName) -> Result<(), Fault> {
    let sql = "UPDATE queue SET paused = NULL, held_until = NULL, held = NULL WHERE name = ?1";
    if sql::run(tx, sql, params![queue.as_str()])? > 0 {
        tx.released();
    }
    Ok(())
}
