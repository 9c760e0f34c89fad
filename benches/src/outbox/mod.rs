//! The cost of the outbox, compared with alternatives. The subjects run in alternating rounds, so that
//! disturbances of the machine affect all of them.

mod arrivals;
mod case;
mod claim;
mod drain;
mod enqueue;
mod job;
mod pickup;
mod place;
mod rounds;
mod subjects;

pub use case::{Case, Engine, What};
pub use place::Place;

use crate::{Error, report::Row};

/// The number of rounds and stored entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Whole,
    /// A tenth of the rounds, and a hundredth of the entries stored beside: for a quick try.
    Quick,
}

impl Size {
    /// An odd number, so that the median is one of the values.
    fn rounds(self, whole: usize) -> usize {
        if self == Self::Whole { whole } else { (whole / 10).max(2) | 1 }
    }

    fn stored(self, whole: usize) -> usize {
        if self == Self::Whole { whole } else { whole / 100 }
    }
}

/// Measures these cases.
///
/// # Errors
///
/// When a store fails, or a request is not delivered.
pub async fn run(cases: &[Case], size: Size, place: &Place) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let cases = || cases.iter().filter(move |case| case.engine == engine);
        for case in cases() {
            eprintln!("{}", case.name);
            let of = |found: Vec<_>| {
                let row = |(subject, found)| Row { case: case.name, subject, found };
                found.into_iter().map(row).collect::<Vec<_>>()
            };
            match case.what {
                What::Enqueue { batch } => rows.extend(of(enqueue::find(place, engine, batch, size).await?)),
                What::Drain { in_flight } => {
                    rows.extend(of(drain::find(place, engine, in_flight, size).await?));
                }
                What::Pickup => rows.extend(of(pickup::find(place, engine, size).await?)),
                What::Claim { .. } => {}
            }
        }
        let claims: Vec<_> = cases().filter(|case| matches!(case.what, What::Claim { .. })).collect();
        rows.extend(claim::find(place, engine, &claims, size).await?);
    }
    Ok(rows)
}
