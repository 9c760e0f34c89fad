//! The time in which a worker's turn claims one request, in stores of different sizes.

use std::time::Duration;

use martello::{
    Outbox,
    outbox::{
        MemoryStore, NewEntry, QueueName, Store,
        store::{Claimed, End, HoldChange, Settled, Settlement, Turn, WorkerId},
    },
};

use super::{
    Case, Engine, Place, Size, What,
    arrivals::Moment,
    job::entries,
    subjects::{self, Martello, Subject},
};
use crate::{Error, measure::Found, report::Row};

const ROUNDS: usize = 41;
/// Claims of each store in a round.
const CLAIMS: usize = 25;
/// Entries in each call that fills a store.
const FILL: usize = 2_000;

/// One store, and the times of its claims in microseconds.
struct Measured {
    case: Case,
    ours: Martello,
    took: Vec<f64>,
}

/// Measures all sizes in shared rounds, because they are compared with each other.
pub(super) async fn find(
    place: &Place,
    engine: Engine,
    cases: &[&Case],
    size: Size,
) -> Result<Vec<Row>, Error> {
    let maker = Outbox::new(MemoryStore::new());
    let mut next = 0;
    let mut measured = Vec::new();
    for case in cases {
        let What::Claim { stored } = case.what else { continue };
        eprintln!("{}", case.name);
        let ours = Martello::store(place, engine).await?;
        fill(ours.outbox().store(), &maker, &mut next, size.stored(stored)).await?;
        measured.push(Measured { case: **case, ours, took: Vec::new() });
    }
    for round in 0..=size.rounds(ROUNDS) {
        let first = 1.min(measured.len());
        measured.rotate_left(first);
        for one in &mut measured {
            for entry in entries(&maker, &mut next, CLAIMS).await? {
                let took = claim(one.ours.outbox().store(), maker.queue().clone(), entry).await?;
                // The first round is the warm-up.
                one.took.extend((round > 0).then_some(took));
            }
        }
    }
    let mut rows = Vec::new();
    measured.sort_by_key(|one| one.case.name.len());
    for mut one in measured {
        one.ours.close().await?;
        rows.extend(one.rows(subjects::name(engine)));
    }
    Ok(rows)
}

async fn fill(store: &dyn Store, maker: &Outbox, next: &mut u64, count: usize) -> Result<(), Error> {
    let mut left = count;
    while left > 0 {
        let batch = left.min(FILL);
        store.enqueue(entries(maker, next, batch).await?).await?;
        left -= batch;
    }
    Ok(())
}

/// Stores an entry, claims the one that is due first, and settles it. Only the claim is timed.
async fn claim(store: &dyn Store, queue: QueueName, entry: NewEntry) -> Result<f64, Error> {
    let worker = WorkerId::new("bench")?;
    let turn = |claim, settle| Turn {
        queue: queue.clone(),
        worker: worker.clone(),
        settle,
        claim,
        cap: 5,
        lease_duration: Duration::from_secs(60),
    };
    store.enqueue(vec![entry]).await?;
    let start = Moment::now();
    let turned = store.turn(turn(1, Vec::new())).await?;
    let took = start.elapsed().as_secs_f64() * 1e6;
    let [Claimed { lease, .. }] = &*turned.claimed else {
        return Err(format!("{} were claimed instead of one", turned.claimed.len()).into());
    };
    let done = Settlement { lease: lease.clone(), end: End::Done, attempt: None, hold: HoldChange::Keep };
    let turned = store.turn(turn(0, vec![done])).await?;
    if *turned.settled != [Settled::Applied] {
        return Err("a claim was not settled".into());
    }
    Ok(took)
}

impl Measured {
    fn rows(mut self, subject: &'static str) -> Vec<Row> {
        self.took.sort_by(f64::total_cmp);
        let at = |percent: usize| self.took.get(self.took.len().saturating_sub(1) * percent / 100).copied();
        let named = [("claim_us_p50", 50), ("claim_us_p99", 99)];
        let row = |(measure, percent)| {
            Some(Row { case: self.case.name, subject, found: Found::new(measure, at(percent)?, "us") })
        };
        named.into_iter().filter_map(row).collect()
    }
}
