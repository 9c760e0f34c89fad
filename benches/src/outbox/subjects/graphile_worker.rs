//! graphile_worker, the Rust sibling of Node's Graphile Worker.
//!
//! Told of new jobs by `NOTIFY`, with a local queue: without one, a worker takes one job for each of its slots when it is
//! notified or polls, once a second, and a backlog takes for ever. As many are fetched at a time as are in flight (the local
//! queue's `size`, `concurrency`). With five, each job's completion is written before its slot takes the next; with a
//! hundred, completions are collected for 5 ms, as its documentation has it for production: a slot then goes on before the
//! disk has what it did. Its pool has 20 connections, as by default, and every commit waits for the disk
//! (`synchronous_commit=on`). It deletes what is done. A batch is one `add_raw_jobs`, which is one statement, and of one job
//! one `add_raw_job`.

use std::{mem, sync::Arc, time::Duration};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerUtils,
};
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::{Doing, Subject};
use crate::{
    Error,
    outbox::{
        Place,
        arrivals::Arrivals,
        case::FIVE,
        job::{Job, Jobs},
        place::Database,
    },
};

/// As its documentation has it.
const BATCH_DELAY: Duration = Duration::from_millis(5);
const SCHEMA: &str = "graphile_worker";

impl TaskHandler for Job {
    const IDENTIFIER: &'static str = "order";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let arrivals = context.get_ext::<Arrivals>().ok_or("nobody counts")?;
        arrivals.arrive();
        Ok::<(), &str>(())
    }
}

struct Running {
    worker: Arc<Worker>,
    task: JoinSet<Result<(), String>>,
}

pub(super) struct GraphileWorker {
    database: Database,
    pool: PgPool,
    utils: WorkerUtils,
    jobs: Jobs,
    prepared: Vec<Vec<RawJobSpec>>,
    in_flight: usize,
    running: Option<Running>,
    arrivals: Arrivals,
}

impl GraphileWorker {
    pub(super) async fn new(place: &Place, in_flight: usize) -> Result<Self, Error> {
        let database = place.database().await?;
        // As many connections as it opens by itself.
        let pool = sqlx::postgres::PgPoolOptions::new().max_connections(20);
        let pool = pool.connect_with(database.options()).await?;
        let utils = WorkerUtils::new(pool.clone(), SCHEMA);
        utils.migrate().await?;
        Ok(Self {
            database,
            pool,
            utils,
            jobs: Jobs::default(),
            prepared: Vec::new(),
            in_flight,
            running: None,
            arrivals: Arrivals::default(),
        })
    }
}

impl Subject for GraphileWorker {
    fn prepare(&mut self, batches: usize, size: usize) -> Doing<'_, ()> {
        Box::pin(async move {
            for _ in 0..batches {
                let raw = |job: Job| {
                    let payload = serde_json::to_value(job)?;
                    Ok(RawJobSpec { identifier: Job::IDENTIFIER.into(), payload, spec: JobSpec::default() })
                };
                let jobs = self.jobs.make(size).await?;
                self.prepared.push(jobs.into_iter().map(raw).collect::<Result<_, Error>>()?);
            }
            Ok(())
        })
    }

    fn enqueue(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            for batch in mem::take(&mut self.prepared) {
                if let [alone] = &*batch {
                    self.utils.add_raw_job(&alone.identifier, &alone.payload, JobSpec::default()).await?;
                } else {
                    self.utils.add_raw_jobs(&batch).await?;
                }
            }
            Ok(())
        })
    }

    fn start(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            let mut options = WorkerOptions::default()
                .local_queue(LocalQueueConfig::default().with_size(self.in_flight))
                .concurrency(self.in_flight)
                .schema(SCHEMA)
                .pg_pool(self.pool.clone())
                .add_extension(self.arrivals.clone())
                .listen_os_shutdown_signals(false)
                .define_job::<Job>();
            if self.in_flight > FIVE {
                options = options.complete_job_batch_delay(BATCH_DELAY);
            }
            let worker = Arc::new(options.init().await?);
            let run = Arc::clone(&worker);
            let mut task = JoinSet::new();
            task.spawn(async move { run.run().await.map_err(|error| error.to_string()) });
            self.running = Some(Running { worker, task });
            Ok(())
        })
    }

    fn stop(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            if let Some(Running { worker, mut task }) = self.running.take() {
                worker.request_shutdown();
                while let Some(ended) = task.join_next().await {
                    ended??;
                }
            }
            Ok(())
        })
    }

    fn left(&mut self) -> Doing<'_, u64> {
        Box::pin(async move {
            let sql = "SELECT count(*) FROM graphile_worker._private_jobs";
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
