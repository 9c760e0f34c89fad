use std::{mem, ops::Deref};

use martello_outbox::{EventKind, QueueName, State, engine::Changes};
use rusqlite::{Connection, params};

use super::state_counts::{QueueDelta, StateCounts};
use crate::sql;

/// A transaction, at one moment, and what it has changed beside the rows.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    /// The moment, in microseconds since 1970.
    pub(crate) now: i64,
    counts: StateCounts,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, now: i64) -> Self {
        Self { connection, now, counts: StateCounts::default() }
    }

    /// Counts an entry that went from one state to another, came (from none) or was deleted (to none).
    pub(crate) fn moved(&mut self, queue: &QueueName, from: Option<State>, to: Option<State>) {
        self.counts.moved(queue, from, to);
    }

    /// Something may be claimable that was not, without having moved.
    pub(crate) fn released(&mut self) {
        self.counts.changes.ready = true;
    }

    /// Writes down that something happened to an entry.
    pub(crate) fn note(&self, seq: i64, kind: EventKind, detail: Option<&str>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO event (entry, at, kind, detail) VALUES (?1, ?2, ?3, ?4)";
        sql::run(self, sql, params![seq, self.now, kind.as_str(), detail])?;
        Ok(())
    }

    /// Puts aside what was counted until now.
    pub(super) fn take_counts(&mut self) -> StateCounts {
        mem::take(&mut self.counts)
    }

    /// Takes back what was put aside, with what was counted since or without.
    pub(super) fn restore_counts(&mut self, before: StateCounts, and_since: bool) {
        let since = mem::replace(&mut self.counts, before);
        if and_since {
            self.counts.join(&since);
        }
    }

    /// Writes what was counted to the queues.
    pub(super) fn count(&self) -> rusqlite::Result<()> {
        let sql =
            "INSERT INTO queue (name, ready, leased, done, dead, cancelled) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (name) DO UPDATE SET ready = ready + ?2, leased = leased + ?3, done = done + ?4,
             dead = dead + ?5, cancelled = cancelled + ?6";
        for (queue, QueueDelta { ready, leased, done, dead, cancelled }) in &self.counts.queues {
            sql::run(self, sql, params![queue.as_str(), ready, leased, done, dead, cancelled])?;
        }
        Ok(())
    }

    pub(super) fn changes(&self) -> Changes {
        self.counts.changes
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
