//! apalis with its SQLite storage: the queue of jobs that Rust programs pick for one file.
//!
//! Its `setup` turns `synchronous` off on one connection of the pool; so it is run on a pool of its own, and the queue then
//! works on connections that write with WAL and `synchronous=FULL`, as the outbox does. The worker is told of new jobs by
//! SQLite's update hook and asks every 500 ms besides, as its README shows. As many are fetched at a time as are in flight
//! (`batch_size`, `concurrency`). Without `lock_tasks`, which is on by default: a job that is fetched is its worker's already,
//! and marking it once more before it runs costs another transaction. It keeps what is done. A batch is one `push_bulk`, which
//! is one transaction.

use std::{mem, sync::Arc, time::Duration};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqlitePool, SqliteStorage, callback::HookCallbackListener};
use futures_util::StreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{Doing, Subject};
use crate::{
    Error,
    outbox::{
        Place,
        arrivals::Arrivals,
        job::{Job, Jobs},
    },
};

const QUEUE: &str = "orders";

pub(super) struct ApalisSqlite {
    pool: SqlitePool,
    listener: HookCallbackListener,
    home: Option<TempDir>,
    jobs: Jobs,
    prepared: Vec<Vec<Job>>,
    workers: u64,
    in_flight: usize,
    running: Option<(WorkerContext, JoinSet<Result<(), WorkerError>>)>,
    arrivals: Arrivals,
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
        Ok(Self {
            pool,
            listener,
            home: Some(home),
            jobs: Jobs::default(),
            prepared: Vec::new(),
            workers: 0,
            in_flight,
            running: None,
            arrivals: Arrivals::default(),
        })
    }

    fn storage(&self) -> SqliteStorage<Job> {
        let config = Config::default().queue(QUEUE).batch_size(self.in_flight).lock_tasks(false);
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

async fn handle(_: Job, arrivals: Data<Arc<Arrivals>>) -> Result<(), BoxDynError> {
    arrivals.arrive();
    Ok(())
}

impl Subject for ApalisSqlite {
    fn prepare(&mut self, batches: usize, size: usize) -> Doing<'_, ()> {
        Box::pin(async move {
            for _ in 0..batches {
                self.prepared.push(self.jobs.make(size).await?);
            }
            Ok(())
        })
    }

    fn enqueue(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            let mut storage = self.storage();
            for batch in mem::take(&mut self.prepared) {
                storage.push_bulk(batch).await?;
            }
            Ok(())
        })
    }

    fn start(&mut self) -> Doing<'_, ()> {
        self.workers += 1;
        // A name is taken for as long as the worker before it might live.
        let context = WorkerContext::new(&format!("worker-{}", self.workers));
        let strategy = Strategy::new()
            .stream(self.listener.clone().ready_chunks(self.in_flight))
            .interval(Duration::from_millis(500));
        let worker = WorkerBuilder::new(&context)
            .backend(self.storage().poll_with_strategy(strategy))
            .concurrency(self.in_flight)
            .data(Arc::new(self.arrivals.clone()))
            .build(handle);
        let mut task = JoinSet::new();
        task.spawn(worker.run());
        self.running = Some((context, task));
        Box::pin(async { Ok(()) })
    }

    fn stop(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            if let Some((context, mut task)) = self.running.take() {
                context.stop()?;
                while let Some(ended) = task.join_next().await {
                    ended??;
                }
            }
            Ok(())
        })
    }

    fn left(&mut self) -> Doing<'_, u64> {
        Box::pin(async move {
            let sql = "SELECT count(*) FROM Jobs WHERE status <> 'Done'";
            Ok(u64::try_from(sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await?)?)
        })
    }

    fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    fn close(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            self.pool.close().await;
            drop(self.home.take());
            Ok(())
        })
    }
}
