//! The time from the call that stores a request to its arrival at the handler of an idle worker.

use std::time::Duration;

use super::{
    Engine, Place, Size,
    arrivals::Moment,
    case::FIVE,
    rounds,
    subjects::{self, Subject},
};
use crate::{Error, measure::Found, measure::quartiles};

const ROUNDS: usize = 101;
/// The time for a worker to settle and become idle again.
const REST: Duration = Duration::from_millis(20);

pub(super) async fn find(
    place: &Place,
    engine: Engine,
    size: Size,
) -> Result<Vec<(&'static str, Found)>, Error> {
    let mut subjects = subjects::delivering(place, engine, FIVE).await?;
    for made in &mut subjects {
        made.subject.start().await?;
    }
    rounds::take(&mut subjects, 3, turn).await?;
    let values = rounds::take(&mut subjects, size.rounds(ROUNDS), turn).await?;
    for made in &mut subjects {
        made.subject.stop().await?;
        subjects::check(&mut *made.subject, 1).await?;
    }
    subjects::close(&mut subjects).await?;
    let found = |(made, values): (&subjects::Made, Vec<f64>)| {
        let found = quartiles::of("pickup_ms_p50", values, "ms");
        found.into_iter().map(|found| (made.name, found)).collect::<Vec<_>>()
    };
    Ok(subjects.iter().zip(values).flat_map(found).collect())
}

async fn turn(subject: &mut dyn Subject) -> Result<f64, Error> {
    subject.prepare(1, 1).await?;
    tokio::time::sleep(REST).await;
    subject.arrivals().expect(1);
    let start = Moment::now();
    subject.enqueue().await?;
    let (_, last) = subject.arrivals().all().await?;
    Ok(last.duration_since(start).as_secs_f64() * 1e3)
}
