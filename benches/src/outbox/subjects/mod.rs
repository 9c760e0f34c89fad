//! The subjects of the outbox bench: what stores and delivers.

#[cfg(feature = "peers")]
mod apalis;
#[cfg(feature = "peers")]
mod apalis_postgres;
#[cfg(feature = "peers")]
mod apalis_sqlite;
#[cfg(feature = "peers")]
mod graphile_worker;
mod martello;
mod raw_sqlite;

use std::pin::Pin;

#[cfg(feature = "peers")]
use tokio::task::JoinSet;

pub(super) use self::martello::Martello;
use super::{Engine, Place, arrivals::Arrivals, case::FIVE};
use crate::Error;

pub(super) type Doing<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A queue in its own file or database.
pub(super) trait Subject: Send {
    /// Makes the requests that the next [`enqueue`](Self::enqueue) stores, in batches of this size. Not
    /// measured.
    fn prepare(&mut self, batches: usize, size: usize) -> Doing<'_, ()>;

    /// Stores the prepared batches, one call for each. The next call starts after the previous one was
    /// acknowledged.
    fn enqueue(&mut self) -> Doing<'_, ()>;

    /// Starts a worker whose handler counts.
    fn start(&mut self) -> Doing<'_, ()>;

    /// Stops the worker after it has stored what it did.
    fn stop(&mut self) -> Doing<'_, ()>;

    /// The number of requests that are not stored as delivered.
    fn left(&mut self) -> Doing<'_, u64>;

    fn arrivals(&self) -> &Arrivals;

    /// Closes and removes the file or database.
    fn close(&mut self) -> Doing<'_, ()>;
}

/// A subject, its name, and whether it is a baseline for others.
pub(super) struct Made {
    pub(super) name: &'static str,
    pub(super) is_base: bool,
    pub(super) subject: Box<dyn Subject>,
}

impl Made {
    fn ours(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self { name, is_base: false, subject: Box::new(subject) }
    }

    fn base(name: &'static str, subject: impl Subject + 'static) -> Self {
        Self { name, is_base: true, subject: Box::new(subject) }
    }
}

/// The subjects of the enqueue bench, in the order of the table.
pub(super) async fn storing(place: &Place, engine: Engine) -> Result<Vec<Made>, Error> {
    let mut subjects = delivering(place, engine, FIVE).await?;
    if engine == Engine::Sqlite {
        // The baseline is the cost of storing alone.
        subjects.iter_mut().for_each(|made| made.is_base = false);
        subjects.insert(0, Made::base("raw_sqlite", raw_sqlite::RawSqlite::new(place).await?));
    }
    Ok(subjects)
}

/// The subjects that also deliver, with this many requests in flight.
pub(super) async fn delivering(place: &Place, engine: Engine, in_flight: usize) -> Result<Vec<Made>, Error> {
    let ours = Martello::new(place, engine, in_flight).await?;
    let mut subjects = vec![Made::ours(name(engine), ours)];
    #[cfg(feature = "peers")]
    match engine {
        Engine::Sqlite => {
            let apalis = apalis_sqlite::ApalisSqlite::new(place, in_flight).await?;
            subjects.push(Made::base("apalis_sqlite", apalis));
        }
        Engine::Postgres => {
            let apalis = apalis_postgres::ApalisPostgres::new(place, in_flight).await?;
            subjects.push(Made::base("apalis_postgres", apalis));
            let graphile = graphile_worker::GraphileWorker::new(place, in_flight).await?;
            subjects.push(Made::base("graphile_worker", graphile));
        }
    }
    Ok(subjects)
}

/// Our own subject on this engine.
pub(super) fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "martello_sqlite",
        Engine::Postgres => "martello_postgres",
    }
}

/// Checks that every request arrived once and is stored as delivered.
pub(super) async fn check(subject: &mut dyn Subject, expected: u64) -> Result<(), Error> {
    let (arrived, left) = (subject.arrivals().count(), subject.left().await?);
    if (arrived, left) != (expected, 0) {
        return Err(format!(
            "of {expected} requests, {arrived} arrived and {left} are not stored as delivered"
        )
        .into());
    }
    Ok(())
}

/// Waits until the tasks of a worker have ended. Fails with the first error of one.
#[cfg(feature = "peers")]
async fn join<E: Into<Error> + 'static>(mut tasks: JoinSet<Result<(), E>>) -> Result<(), Error> {
    while let Some(ended) = tasks.join_next().await {
        ended?.map_err(Into::into)?;
    }
    Ok(())
}

pub(super) async fn close(subjects: &mut [Made]) -> Result<(), Error> {
    for made in subjects {
        made.subject.close().await?;
    }
    Ok(())
}
