//! The outbox with its defaults, as its README shows it, and a handler that answers 200 at once.
//!
//! A batch is one call of `Store::enqueue` with that many entries, made by `Outbox::prepare`, each with its
//! own order key. A worker has as many requests in flight as it may claim (`concurrency`). It settles
//! deliveries and claims as many again in one transaction. Delivered entries are kept, with their attempts.
//! SQLite writes with WAL and `synchronous=FULL`; with PostgreSQL every commit waits for the disk
//! (`synchronous_commit=on`).

use std::{convert::Infallible, mem};

use http::{Request, Response};
use martello::{
    Body, Outbox,
    outbox::{Enqueued, NewEntry, RunningWorker},
    postgres::PostgresStore,
    sqlite::SqliteStore,
};
use tempfile::TempDir;

use super::{Doing, Subject};
use crate::{
    Error,
    outbox::{Engine, Place, arrivals::Arrivals, case::FIVE, job, place::Database},
};

/// An outbox, and where its data is.
pub(in crate::outbox) struct Martello {
    outbox: Outbox,
    home: Home,
    next: u64,
    prepared: Vec<Vec<NewEntry>>,
    worker: Option<RunningWorker>,
    arrivals: Arrivals,
}

enum Home {
    Folder { _until_dropped: TempDir },
    Database(Box<Database>),
}

impl Martello {
    pub(super) async fn new(place: &Place, engine: Engine, in_flight: usize) -> Result<Self, Error> {
        let (outbox, home) = match engine {
            Engine::Sqlite => {
                let folder = place.dir()?;
                let store = SqliteStore::open(folder.path().join("outbox.db")).await?;
                (Outbox::builder(store), Home::Folder { _until_dropped: folder })
            }
            Engine::Postgres => {
                let database = place.database().await?;
                let store = PostgresStore::builder().url(&database.url()).connect().await?;
                (Outbox::builder(store), Home::Database(Box::new(database)))
            }
        };
        Ok(Self {
            outbox: outbox.concurrency(in_flight).build()?,
            home,
            next: 0,
            prepared: Vec::new(),
            worker: None,
            arrivals: Arrivals::default(),
        })
    }

    /// An outbox of which only the store is used.
    pub(in crate::outbox) async fn store(place: &Place, engine: Engine) -> Result<Self, Error> {
        Self::new(place, engine, FIVE).await
    }

    pub(in crate::outbox) fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

impl Subject for Martello {
    fn prepare(&mut self, batches: usize, size: usize) -> Doing<'_, ()> {
        Box::pin(async move {
            for _ in 0..batches {
                self.prepared.push(job::entries(&self.outbox, &mut self.next, size).await?);
            }
            Ok(())
        })
    }

    fn enqueue(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            for batch in mem::take(&mut self.prepared) {
                let enqueued = self.outbox.store().enqueue(batch).await?;
                if !enqueued.iter().all(|one| matches!(one, Enqueued::Stored(_))) {
                    return Err("a request was taken for another".into());
                }
            }
            Ok(())
        })
    }

    fn start(&mut self) -> Doing<'_, ()> {
        let arrivals = self.arrivals.clone();
        let handler = tower::service_fn(move |_: Request<Body>| {
            arrivals.arrive();
            async { Ok::<_, Infallible>(Response::new(Body::default())) }
        });
        self.worker = Some(self.outbox.worker(handler).start());
        Box::pin(async { Ok(()) })
    }

    fn stop(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            if let Some(worker) = self.worker.take() {
                worker.shutdown().await;
            }
            Ok(())
        })
    }

    fn left(&mut self) -> Doing<'_, u64> {
        Box::pin(async move {
            let queues = self.outbox.store().queues().await?;
            Ok(queues.iter().map(|queue| queue.ready + queue.leased + queue.dead).sum())
        })
    }

    fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    fn close(&mut self) -> Doing<'_, ()> {
        Box::pin(async move {
            match &self.home {
                Home::Folder { .. } => Ok(()),
                Home::Database(database) => database.remove().await,
            }
        })
    }
}
