//! Requests per second over loopback, compared with `bare`: five tasks on one thread, the server on another.

#[expect(
    clippy::disallowed_types,
    reason = "no test pauses this clock, and tokio's would cost more to read"
)]
use std::time::Instant;

use super::{Bench, Found, quartiles};
use crate::{Error, case::Case, place::Place};

const TASKS: u64 = 5;
/// Calls of each task in a round.
const CALLS: u64 = 100;
/// Each pair is a round of `bare` and one of the subject. The order changes from pair to pair.
const PAIRS: usize = 201;

/// The ratio to `bare`. The ratio of `bare` to itself is the control: its distance from 1 is noise.
///
/// # Errors
///
/// When a call fails.
pub fn find(case: Case, subject: &str) -> Result<Vec<Found>, Error> {
    let place = Place::of(case)?;
    let benches = (Bench::at(place.clone(), case, "bare")?, Bench::at(place, case, subject)?);
    let (Some(mut bare), Some(mut subject)) = benches else {
        return Ok(Vec::new());
    };
    // Opens the connections and warms up the machine.
    per_second(&mut bare)?;
    per_second(&mut subject)?;
    let (mut ratios, mut rates) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let (base, rate) = if pair.is_multiple_of(2) {
            let base = per_second(&mut bare)?;
            (base, per_second(&mut subject)?)
        } else {
            let rate = per_second(&mut subject)?;
            (per_second(&mut bare)?, rate)
        };
        ratios.push(rate / base);
        rates.push(rate);
    }
    let mut found = quartiles::of("throughput_ratio", ratios, "ratio");
    found.extend(quartiles::of("throughput", rates, "requests/s"));
    Ok(found)
}

#[expect(clippy::disallowed_types, reason = "as above")]
fn per_second(bench: &mut Bench) -> Result<f64, Error> {
    let start = Instant::now();
    bench.run_in_tasks(TASKS, CALLS)?;
    Ok((TASKS * CALLS) as f64 / start.elapsed().as_secs_f64())
}
