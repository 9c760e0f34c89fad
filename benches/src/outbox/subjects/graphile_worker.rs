//! graphile_worker, the Rust sibling of Node's Graphile Worker.
//!
//! `NOTIFY` wakes the worker, and it has a local queue: without one, it takes one job per slot at each
//! notification or poll, once a second, and never catches up with a backlog. It fetches as many jobs as are
//! in flight (the local queue's `size`, `concurrency`). With five in flight, it stores each completion before
//! the slot takes the next job. With a hundred, it collects completions for 5 ms, as its documentation
//! recommends for production; a slot then continues before its completion is on the disk. The pool has 20
//! connections, the default, and every commit waits for the disk (`synchronous_commit=on`). It deletes
//! completed jobs. A batch is one `add_raw_jobs`, which is one statement; a batch of one job is one
//! `add_raw_job`.

use std::{mem, sync::Arc, time::Duration};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, Worker, WorkerContext,
    WorkerOptions, WorkerUtils,
};
use sqlx::PgPool;
use tokio::task::JoinSet;

use super::{Doing, Subject, join};
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

/// The value in its documentation.
const BATCH_DELAY: Duration = Duration::from_millis(5);
const SCHEMA: &str = "graphile_worker";

impl TaskHandler for Job {
    const IDENTIFIER: &'static str = "order";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        let arrivals = context.get_ext::<Arrivals>().ok_or("the worker has no counter")?;
        arrivals.arrive();
        Ok::<(), &str>(())
    }
}

struct Running {
    worker: Arc<Worker>,
    tasks: JoinSet<Result<(), String>>,
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
        // The default number of connections.
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
            let mut tasks = JoinSet::new();
            tasks.spawn(async move { run.run().await.map_err(|error| error.to_string()) });
            self.running = Some(Running { worker, tasks });
            Ok(())
        })
    }

    fn stop(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            let Some(Running { worker, tasks }) = self.running.take() else {
                return Ok(());
            };
            worker.request_shutdown();
            join(tasks).await
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
