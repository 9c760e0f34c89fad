//! apalis with its SQLite storage: the usual job queue in one file for Rust programs.
//!
//! Its `setup` turns `synchronous` off on one connection of the pool. So `setup` runs on a separate pool, and
//! the queue uses connections with WAL and `synchronous=FULL`, like the outbox. SQLite's update hook wakes
//! the worker, which also polls every 500 ms, as its README shows. It fetches as many jobs as are in flight
//! (`batch_size`, `concurrency`). `lock_tasks`, on by default, is off: a fetched job belongs to its worker
//! already, and locking it again before it runs costs another transaction. It keeps completed jobs. A batch
//! is one `push_bulk`, which is one transaction.

use std::{sync::Arc, time::Duration};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqlitePool, SqliteStorage, callback::HookCallbackListener};
use futures_util::StreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;

use super::{
    Doing, Subject,
    apalis::{QUEUE, Queue, handle},
};
use crate::{
    Error,
    outbox::{Place, arrivals::Arrivals, job::Job},
};

pub(super) struct ApalisSqlite {
    pool: SqlitePool,
    listener: HookCallbackListener,
    home: Option<TempDir>,
    queue: Queue,
}

impl ApalisSqlite {
    pub(super) async fn new(place: &Place, in_flight: usize) -> Result<Self, Error> {
        let home = place.dir()?;
        let path = home.path().join("apalis.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "64000")
            .pragma("temp_store", "MEMORY");
        let setup = SqlitePool::connect_with(options.clone()).await?;
        SqliteStorage::setup(&setup).await?;
        setup.close().await;
        let url = format!("sqlite://{}", path.display());
        let (pool, listener) = SqliteStorage::connect_with_callback(&url)?;
        pool.set_connect_options(options);
        is_durable(&pool).await?;
        Ok(Self { pool, listener, home: Some(home), queue: Queue::new(in_flight) })
    }

    fn storage(&self) -> SqliteStorage<Job> {
        let config = Config::default().queue(QUEUE).batch_size(self.queue.in_flight).lock_tasks(false);
        SqliteStorage::new(&self.pool).with_config(config)
    }
}

async fn is_durable(pool: &SqlitePool) -> Result<(), Error> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await?;
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await?;
    if (mode.as_str(), synchronous) != ("wal", 2) {
        return Err(format!("journal_mode is {mode}, synchronous is {synchronous}").into());
    }
    Ok(())
}

impl Subject for ApalisSqlite {
    fn prepare(&mut self, batches: usize, size: usize) -> Doing<'_, ()> {
        Box::pin(self.queue.prepare(batches, size))
    }

    fn enqueue(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            let mut storage = self.storage();
            for batch in self.queue.take_prepared() {
                storage.push_bulk(batch).await?;
            }
            Ok(())
        })
    }

    fn start(&mut self) -> Doing<'_, ()> {
        let context = self.queue.next_worker();
        let strategy = Strategy::new()
            .stream(self.listener.clone().ready_chunks(self.queue.in_flight))
            .interval(Duration::from_millis(500));
        let worker = WorkerBuilder::new(&context)
            .backend(self.storage().poll_with_strategy(strategy))
            .concurrency(self.queue.in_flight)
            .data(Arc::new(self.queue.arrivals.clone()))
            .build(handle);
        self.queue.run(context, worker.run());
        Box::pin(async { Ok(()) })
    }

    fn stop(&mut self) -> Doing<'_, ()> {
        Box::pin(self.queue.stop())
    }

    fn left(&mut self) -> Doing<'_, u64> {
        Box::pin(async move {
            let sql = "SELECT count(*) FROM Jobs WHERE status <> 'Done'";
            Ok(u64::try_from(sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await?)?)
        })
    }

    fn arrivals(&self) -> &Arrivals {
        &self.queue.arrivals
    }

    fn close(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            self.pool.close().await;
            drop(self.home.take());
            Ok(())
        })
    }
}
