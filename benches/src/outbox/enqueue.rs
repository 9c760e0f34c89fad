//! Requests stored per second. Each call stores a batch; the next call starts when it has returned.

use super::{
    Engine, Place, Size,
    arrivals::Moment,
    rounds,
    subjects::{self, Subject},
};
use crate::{Error, measure::Found};

const ROUNDS: usize = 41;
/// The warm-up: statements are prepared and SQLite's log grows to its size. Growing a file takes longer than
/// writing within it.
const WARM_UP: usize = 6;
/// Batches of one in a round; for other sizes, as many as take about as long.
const CALLS: [(usize, usize); 3] = [(1, 40), (5, 30), (64, 8)];

pub(super) async fn find(
    place: &Place,
    engine: Engine,
    batch: usize,
    size: Size,
) -> Result<Vec<(&'static str, Found)>, Error> {
    let mut subjects = subjects::storing(place, engine).await?;
    let calls = CALLS.iter().find(|(of, _)| *of == batch).map_or(10, |(_, calls)| *calls);
    let turn = async |subject: &mut dyn Subject| {
        subject.prepare(calls, batch).await?;
        let start = Moment::now();
        subject.enqueue().await?;
        Ok((calls * batch) as f64 / start.elapsed().as_secs_f64())
    };
    rounds::take(&mut subjects, WARM_UP, turn).await?;
    let values = rounds::take(&mut subjects, size.rounds(ROUNDS), turn).await?;
    subjects::close(&mut subjects).await?;
    Ok(rounds::rates(&subjects, &values, "enqueue"))
}
