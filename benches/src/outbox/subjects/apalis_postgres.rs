//! apalis with its PostgreSQL storage.
//!
//! `NOTIFY` wakes the worker (`with_pubsub`), as its README shows. It fetches as many jobs as are in flight
//! (`batch_size`, `concurrency`), with `lock_tasks` off, as with SQLite. The pool has sqlx's default of ten
//! connections, and every commit waits for the disk (`synchronous_commit=on`). It keeps completed jobs. A
//! batch is one `push_bulk`, which is one statement. Its tables are in the schema `apalis`, which cannot be
//! changed, so it has its own database.

use std::sync::Arc;

use apalis::prelude::*;
use apalis_postgres::{Config, PgPool, PostgresStorage};

use super::{
    Doing, Subject,
    apalis::{QUEUE, Queue, handle},
};
use crate::{
    Error,
    outbox::{Place, arrivals::Arrivals, job::Job, place::Database},
};

pub(super) struct ApalisPostgres {
    database: Database,
    pool: PgPool,
    queue: Queue,
}

impl ApalisPostgres {
    pub(super) async fn new(place: &Place, in_flight: usize) -> Result<Self, Error> {
        let database = place.database().await?;
        let pool = PgPool::connect_with(database.options()).await?;
        PostgresStorage::setup(&pool).await?;
        Ok(Self { database, pool, queue: Queue::new(in_flight) })
    }

    fn storage(&self) -> PostgresStorage<Job> {
        let config = Config::default().queue(QUEUE).batch_size(self.queue.in_flight).lock_tasks(false);
        PostgresStorage::new(&self.pool).with_config(config)
    }
}

impl Subject for ApalisPostgres {
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
        let worker = WorkerBuilder::new(&context)
            .backend(self.storage().with_pubsub())
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
            let sql = "SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'";
            Ok(u64::try_from(sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await?)?)
        })
    }

    fn arrivals(&self) -> &Arrivals {
        &self.queue.arrivals
    }

    fn close(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            self.pool.close().await;
            self.database.remove().await
        })
    }
}
