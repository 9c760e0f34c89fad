use std::{fmt, pin::Pin};

use super::{
    Engine, Violation,
    fixture::Fixture,
    scenarios,
    violation::{Fault, ScenarioResult},
};

type Run = for<'a> fn(&'a Fixture<'a>) -> Pin<Box<dyn Future<Output = ScenarioResult> + 'a>>;

/// A test of one promise of [`Store`](martello_outbox::Store).
#[derive(Clone, Copy)]
pub struct Scenario {
    pub(super) name: &'static str,
    pub(super) play: Run,
}

impl Scenario {
    /// The promise, as the name of a test.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Runs the scenario on fresh data of this engine.
    ///
    /// # Errors
    ///
    /// When the promise is broken, or no store can be opened.
    pub async fn play<E: Engine>(self) -> Result<(), Violation> {
        let violation = |Fault(found)| Violation { scenario: self.name, found };
        let fresh = E::fresh().await.map_err(|error| violation(Fault::opening(error)))?;
        let Some(engine) = fresh else {
            return Ok(());
        };
        let played = match Fixture::new(&engine).await {
            Ok(fixture) => (self.play)(&fixture).await,
            Err(fault) => Err(fault),
        };
        engine.remove().await;
        played.map_err(violation)
    }
}

impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scenario").field(&self.name).finish()
    }
}

impl PartialEq for Scenario {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Scenario {}

#[doc(hidden)]
#[macro_export]
macro_rules! __outbox_scenario_table {
    (=> $($module:ident::$name:ident,)+) => {
        impl Scenario {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self {
                name: stringify!($name),
                play: |fixture| Box::pin(scenarios::$module::$name(fixture)),
            },)+];
        }
    };
}

crate::__outbox_scenarios! { __outbox_scenario_table }
