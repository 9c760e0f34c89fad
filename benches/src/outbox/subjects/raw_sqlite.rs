//! The cost of storing alone: a loop over prepared statements, in the measuring thread.
//!
//! It writes the same rows with the same values into the same tables and indexes. The outbox has created the
//! file. The connection has the same settings: WAL, `synchronous=FULL`, a cache of 8 MiB, a checkpoint every
//! 1,000 pages. A batch is one transaction. All values are prepared beforehand. It does not look for
//! duplicates, checks nothing, and only this thread can use it.

use std::mem;

use martello::{
    Outbox,
    outbox::{MemoryStore, NewEntry, OrderKey, QueueName},
    sqlite::SqliteStore,
};
use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{Doing, Subject};
use crate::{
    Error,
    outbox::{Place, arrivals::Arrivals, job},
};

const ENTRY: &str =
    "INSERT INTO outbox (id, queue, state, pending, head, due_at, expires_at, changed_at, attempts, tries,
     max_attempts, repeatable, created_at, expires_in, order_key, revision, host, authority)
     VALUES (?1, ?2, 0, 1, 1, ?3, ?4, ?3, 0, 0, ?5, ?6, ?3, ?7, ?8, 1, ?9, ?10)";
const REQUEST: &str = "INSERT INTO request (entry, made_at, method, url, headers, sealed, body)
     VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6)";
const QUEUE: &str = "UPDATE queue SET ready = ready + ?2 WHERE name = ?1";

pub(super) struct RawSqlite {
    connection: Connection,
    home: Option<TempDir>,
    outbox: Outbox,
    queue: QueueName,
    next: u64,
    prepared: Vec<Vec<Row>>,
    arrivals: Arrivals,
}

struct Row {
    entry: NewEntry,
    key: Option<OrderKey>,
    url: String,
    authority: String,
    headers: String,
    expires_in: i64,
}

impl RawSqlite {
    pub(super) async fn new(place: &Place) -> Result<Self, Error> {
        let home = place.dir()?;
        let path = home.path().join("outbox.db");
        SqliteStore::open(&path).await?.close().await;
        let connection = Connection::open(&path)?;
        for (pragma, value) in [("synchronous", 2), ("cache_size", -8 * 1024), ("temp_store", 2)] {
            connection.pragma_update(None, pragma, value)?;
        }
        let outbox = Outbox::new(MemoryStore::new());
        let queue = outbox.queue().clone();
        connection.execute("INSERT INTO queue (name) VALUES (?1)", [queue.as_str()])?;
        let raw = Self {
            connection,
            home: Some(home),
            outbox,
            queue,
            next: 0,
            prepared: Vec::new(),
            arrivals: Arrivals::default(),
        };
        raw.is_durable()?;
        Ok(raw)
    }

    fn is_durable(&self) -> Result<(), Error> {
        let of = |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, String>(0));
        let mode = of("journal_mode")?;
        let synchronous: i64 = self.connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        if (mode.as_str(), synchronous) != ("wal", 2) {
            return Err(format!("journal_mode is {mode}, synchronous is {synchronous}").into());
        }
        Ok(())
    }

    fn store(&self, batch: &[Row]) -> Result<(), Error> {
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_micros())?;
        let db = &self.connection;
        db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for Row { entry, key, url, authority, headers, expires_in } in batch {
            let request = &entry.request;
            db.prepare_cached(ENTRY)?.execute(params![
                entry.id.as_bytes(),
                self.queue.as_str(),
                now,
                now + expires_in,
                entry.max_attempts,
                entry.repeatable,
                expires_in,
                key.as_ref().map(OrderKey::as_str),
                request.host(),
                authority,
            ])?;
            let seq = db.last_insert_rowid();
            db.prepare_cached(REQUEST)?.execute(params![
                seq,
                now,
                request.method.as_str(),
                url,
                headers,
                &request.body[..]
            ])?;
        }
        db.prepare_cached(QUEUE)?.execute(params![self.queue.as_str(), i64::try_from(batch.len())?])?;
        db.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

impl Subject for RawSqlite {
    fn prepare(&mut self, batches: usize, size: usize) -> Doing<'_, ()> {
        Box::pin(async move {
            for _ in 0..batches {
                let entries = job::entries(&self.outbox, &mut self.next, size).await?;
                self.prepared.push(entries.into_iter().map(Row::new).collect::<Result<_, _>>()?);
            }
            Ok(())
        })
    }

    fn enqueue(&mut self) -> Doing<'_, ()> {
        let batches = mem::take(&mut self.prepared);
        let stored = batches.iter().try_for_each(|batch| self.store(batch));
        Box::pin(async { stored })
    }

    fn start(&mut self) -> Doing<'_, ()> {
        Box::pin(async { Err("it only stores".into()) })
    }

    fn stop(&mut self) -> Doing<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn left(&mut self) -> Doing<'_, u64> {
        Box::pin(async { Ok(0) })
    }

    fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    fn close(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            drop(self.home.take());
            Ok(())
        })
    }
}

impl Row {
    fn new(entry: NewEntry) -> Result<Self, Error> {
        Ok(Self {
            key: entry.order_key.clone(),
            url: entry.request.uri.to_string(),
            authority: entry.request.authority(),
            headers: entry.request.headers_to_json(),
            expires_in: i64::try_from(entry.expires_in.as_micros())?,
            entry,
        })
    }
}
