//! apalis with its PostgreSQL storage.
//!
//! Told of new jobs by `NOTIFY` (`with_pubsub`), as its README shows. As many are fetched at a time as are in flight
//! (`batch_size`, `concurrency`), without `lock_tasks`, as with SQLite. Its pool has sqlx's ten connections, and every commit
//! waits for the disk (`synchronous_commit=on`). It keeps what is done. A batch is one `push_bulk`, which is one statement. Its
//! tables are in the schema `apalis`, which cannot be changed; so the database is its own.

use std::{mem, sync::Arc};

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};
use tokio::task::JoinSet;

use super::{Doing, Subject};
use crate::{
    Error,
    outbox::{
        Place,
        arrivals::Arrivals,
        job::{Job, Jobs},
        place::Database,
    },
};

const QUEUE: &str = "orders";

pub(super) struct ApalisPostgres {
    database: Database,
    pool: PgPool,
    jobs: Jobs,
    prepared: Vec<Vec<Job>>,
    workers: u64,
    in_flight: usize,
    running: Option<(WorkerContext, JoinSet<Result<(), WorkerError>>)>,
    arrivals: Arrivals,
}

impl ApalisPostgres {
    pub(super) async fn new(place: &Place, in_flight: usize) -> Result<Self, Error> {
        let database = place.database().await?;
        let pool = PgPool::connect_with(database.options()).await?;
        PostgresStorage::setup(&pool).await?;
        Ok(Self {
            database,
            pool,
            jobs: Jobs::default(),
            prepared: Vec::new(),
            workers: 0,
            in_flight,
            running: None,
            arrivals: Arrivals::default(),
        })
    }

    fn storage(&self) -> PostgresStorage<Job> {
        let config = Config::default().queue(QUEUE).batch_size(self.in_flight).lock_tasks(false);
        PostgresStorage::new(&self.pool).with_config(config)
    }
}

async fn handle(_: Job, arrivals: Data<Arc<Arrivals>>) -> Result<(), BoxDynError> {
    arrivals.arrive();
    Ok(())
}

impl Subject for ApalisPostgres {
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
        let worker = WorkerBuilder::new(&context)
            .backend(self.storage().with_pubsub())
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
            let sql = "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'";
            Ok(u64::try_from(sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await?)?)
        })
    }

    fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    fn close(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            self.pool.close().await;
            self.database.remove().await
        })
    }
}
