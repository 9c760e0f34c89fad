//! Requests delivered per second, by one worker, to a handler that does nothing.

use super::{
    Engine, Place, Size, rounds,
    subjects::{self, Subject},
};
use crate::{Error, measure::Found};

const ROUNDS: usize = 11;
/// Requests in a round.
const REQUESTS: usize = 500;
const BATCH: usize = 100;

pub(super) async fn find(
    place: &Place,
    engine: Engine,
    in_flight: usize,
    size: Size,
) -> Result<Vec<(&'static str, Found)>, Error> {
    let mut subjects = subjects::delivering(place, engine, in_flight).await?;
    rounds::take(&mut subjects, 1, turn).await?;
    let values = rounds::take(&mut subjects, size.rounds(ROUNDS), turn).await?;
    subjects::close(&mut subjects).await?;
    Ok(rounds::rates(&subjects, &values, "drain"))
}

/// From the first arrival to the last, so that the start of a worker is not counted.
async fn turn(subject: &mut dyn Subject) -> Result<f64, Error> {
    subject.prepare(REQUESTS / BATCH, BATCH).await?;
    subject.enqueue().await?;
    subject.arrivals().expect(REQUESTS as u64);
    subject.start().await?;
    let (first, last) = subject.arrivals().all().await?;
    subject.stop().await?;
    subjects::check(subject, REQUESTS as u64).await?;
    Ok((REQUESTS - 1) as f64 / last.duration_since(first).as_secs_f64())
}
