//! Time in memory, compared with `bare`. Rounds alternate, so that disturbances of the machine affect both.

use std::time::Duration;

#[expect(
    clippy::disallowed_types,
    reason = "no test pauses this clock, and tokio's would cost more to read"
)]
use std::time::Instant;

use super::{Bench, Found, quartiles};
use crate::{Error, case::Case, subjects::Drive};

/// Many short rounds: a disturbance by another process affects few of them, and so not the median.
const ROUNDS: usize = 1_001;
const ROUND: Duration = Duration::from_micros(250);

/// The ratio to `bare`, and the time of a call in microseconds. `None` when the subject or `bare` does not
/// support the case.
///
/// # Errors
///
/// When a call fails.
pub fn find(case: Case, subject: &str) -> Result<Vec<Found>, Error> {
    let (Some(mut bare), Some(mut subject)) = (Bench::new(case, "bare")?, Bench::new(case, subject)?) else {
        return Ok(Vec::new());
    };
    let calls = (calls_in_a_round(&mut bare)?, calls_in_a_round(&mut subject)?);
    let (mut ratios, mut times) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (base, time) = if round.is_multiple_of(2) {
            let base = per_call(&mut bare, calls.0)?;
            (base, per_call(&mut subject, calls.1)?)
        } else {
            let time = per_call(&mut subject, calls.1)?;
            (per_call(&mut bare, calls.0)?, time)
        };
        ratios.push(time / base);
        times.push(time * 1e6);
    }
    let mut found = quartiles::of("time_ratio", ratios, "ratio");
    found.extend(quartiles::of("time", times, "us"));
    Ok(found)
}

/// Seconds.
#[expect(clippy::disallowed_types, reason = "as above")]
pub(super) fn per_call(bench: &mut Bench, calls: u64) -> Result<f64, Error> {
    let start = Instant::now();
    bench.run(calls, Drive::Both)?;
    Ok(start.elapsed().as_secs_f64() / calls as f64)
}

/// An even number, so that both ways to call have an equal share.
fn calls_in_a_round(bench: &mut Bench) -> Result<u64, Error> {
    let mut calls = 2;
    while per_call(bench, calls)? * (calls as f64) < ROUND.as_secs_f64() {
        calls *= 2;
    }
    Ok(calls)
}
