use std::{mem, ops::Deref};

use martello_outbox::{EventKind, QueueName, State, engine::Changes};
use rusqlite::{Connection, params};

use super::state_counts::{QueueDelta, StateCounts};
use crate::sql;

/// A transaction with its time, and the state changes that it has made so far.
pub(crate) struct Tx<'c> {
    connection: &'c Connection,
    /// The time of the transaction, in microseconds since 1970.
    pub(crate) now: i64,
    counts: StateCounts,
}

impl<'c> Tx<'c> {
    pub(super) fn new(connection: &'c Connection, now: i64) -> Self {
        Self { connection, now, counts: StateCounts::default() }
    }

    /// Counts an entry that moved between states, was inserted (from `None`) or was deleted (to `None`).
    pub(crate) fn moved(&mut self, queue: &QueueName, from: Option<State>, to: Option<State>) {
        self.counts.moved(queue, from, to);
    }

    /// Notifies subscribers that entries may have become claimable although none has changed its state.
    pub(crate) fn released(&mut self) {
        self.counts.changes.ready = true;
    }

    /// Stores an event of an entry.
    pub(crate) fn note(&self, seq: i64, kind: EventKind, detail: Option<&str>) -> rusqlite::Result<()> {
        let sql = "INSERT INTO event (entry, at, kind, detail) VALUES (?1, ?2, ?3, ?4)";
        sql::run(self, sql, params![seq, self.now, kind.as_str(), detail])?;
        Ok(())
    }

    /// Takes the counts so far, before an operation that may be rolled back.
    pub(super) fn take_counts(&mut self) -> StateCounts {
        mem::take(&mut self.counts)
    }

    /// Puts the counts back; with `and_since`, adds those made since.
    pub(super) fn restore_counts(&mut self, before: StateCounts, and_since: bool) {
        let since = mem::replace(&mut self.counts, before);
        if and_since {
            self.counts.join(&since);
        }
    }

    /// Writes the counts to the table of queues.
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
