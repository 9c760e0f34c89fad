//! Random sequences of operations, on an engine and on the model beside each other.

mod jobs;
mod operation;
mod runner;
mod turn;
mod values;

use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};

use self::{operation::Step, runner::Runner};
use super::{
    Engine, Violation,
    violation::{Fault, ScenarioResult},
};

/// The default number of histories.
pub(super) const CASES: u32 = 64;

/// The maximum number of steps of a history.
const STEPS: usize = 60;

/// How many times a failing history is run again to find a shorter one that fails.
const SHRINKING: usize = 512;

/// Runs this many random histories of up to 60 steps, each on fresh data: through two stores, which are
/// closed and opened again now and then, and on a [`MemoryStore`](martello_outbox::MemoryStore) beside them
/// that goes by the same clock. After each step, results and all visible data must be equal, except for the
/// ids that a store creates.
///
/// `PROPTEST_RNG_SEED` sets the seed. By default it is random.
///
/// # Errors
///
/// The first difference, with the shortest history found that causes it.
pub async fn check_histories<E: Engine>(cases: u32) -> Result<(), Violation> {
    let mut runner = TestRunner::new(Config::default());
    let histories = vec(operation::step(), 1..STEPS);
    for _ in 0..cases {
        let history = histories
            .new_tree(&mut runner)
            .map_err(|reason| violation(&Fault(format!("no history could be made: {reason}")), &[]))?;
        let steps = history.current();
        if let Err(fault) = play::<E>(&steps).await {
            return Err(shortest::<E>(history, steps, fault).await);
        }
    }
    Ok(())
}

async fn play<E: Engine>(steps: &[Step]) -> ScenarioResult {
    let Some(engine) = E::fresh().await.map_err(Fault::opening)? else {
        return Ok(());
    };
    let played = match Runner::new(&engine).await {
        Ok(mut runner) => runner.play(steps).await,
        Err(fault) => Err(fault),
    };
    engine.remove().await;
    played
}

/// The violation of the shortest history that is found from this one.
async fn shortest<E: Engine>(
    mut history: impl ValueTree<Value = Vec<Step>>,
    mut steps: Vec<Step>,
    mut fault: Fault,
) -> Violation {
    let mut shows_it = true;
    for _ in 0..SHRINKING {
        let more = if shows_it { history.simplify() } else { history.complicate() };
        if !more {
            break;
        }
        let tried = history.current();
        let played = play::<E>(&tried).await;
        shows_it = played.is_err();
        if let Err(found) = played {
            (steps, fault) = (tried, found);
        }
    }
    violation(&fault, &steps)
}

fn violation(Fault(fault): &Fault, steps: &[Step]) -> Violation {
    let steps: String = steps.iter().map(|step| format!("\n  {step:?}")).collect();
    Violation { scenario: "histories", found: format!("{fault}\nafter these steps:{steps}") }
}
