//! Tests that an engine keeps the promises of [`CheckpointStore`], with the same scenarios for every engine.
//!
//! Implement [`Engine`] to create data and open stores. `tests!` then makes one `#[test]` for each
//! [`Scenario`]:
//!
//! ```
//! use martello_poll::{MemoryCheckpoint, conformance};
//!
//! /// Data in memory. Each `open` returns the same store.
//! #[derive(Default)]
//! struct InMemory(MemoryCheckpoint);
//!
//! impl conformance::Engine for InMemory {
//!     type Store = MemoryCheckpoint;
//!
//!     async fn fresh() -> Result<Option<Self>, conformance::BoxError> {
//!         Ok(Some(Self::default()))
//!     }
//!
//!     async fn open(&self) -> Result<MemoryCheckpoint, conformance::BoxError> {
//!         Ok(self.0.clone())
//!     }
//! }
//!
//! conformance::tests!(InMemory);
//! # fn main() {}
//! ```
//!
//! Each scenario opens two stores on its data, because [any number of stores behave like
//! one](CheckpointStore#what-every-engine-promises). The scenario about leases sleeps in real time, for at
//! most two seconds, because the engine has its own clock.

mod engine;
mod scenarios;

pub use martello_outcome::BoxError;

pub use self::{
    engine::{Engine, Violation},
    scenarios::Scenario,
};
#[doc(inline)]
pub use crate::__poll_conformance_tests as tests;
#[cfg(doc)]
use crate::CheckpointStore;

/// Runs this scenario on the engine; returns `false` if the engine is not available here.
///
/// # Errors
///
/// A [`Violation`] when the engine breaks a promise, or the error of the engine.
pub async fn check<E: Engine>(scenario: Scenario) -> Result<bool, BoxError> {
    let Some(engine) = E::fresh().await? else { return Ok(false) };
    let result = scenario.run(&engine).await;
    engine.remove().await?;
    result.map(|()| true)
}

#[doc(hidden)]
pub fn run<E: Engine>(scenario: Scenario) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // An engine that is not available reports that itself.
    runtime.block_on(check::<E>(scenario)).map(drop)
}

/// A `#[test]` for each scenario, for this [`Engine`]. Attributes before the engine go to each test, such as
/// `#[ignore = "needs a server"]` for an engine whose server may be missing.
#[doc(hidden)]
#[macro_export]
macro_rules! __poll_conformance_tests {
    (@all $attributes:tt $engine:ty: $($name:ident $scenario:ident,)*) => {
        $($crate::__poll_conformance_tests! { @test $attributes $engine: $name $scenario })*
    };
    (@test [$($attribute:tt)*] $engine:ty: $name:ident $scenario:ident) => {
        #[test]
        $($attribute)*
        fn $name() -> Result<(), $crate::conformance::BoxError> {
            $crate::conformance::run::<$engine>($crate::conformance::Scenario::$scenario)
        }
    };
    ($(#[$attribute:meta])* $engine:ty) => {
        $crate::__poll_conformance_tests! { @all [$(#[$attribute])*] $engine:
            only_one_poller_holds_the_checkpoint HasOneHolder,
            the_next_holder_finds_what_was_saved SavesAll,
            an_expired_lease_is_taken_and_its_holder_fenced LeaseExpires,
            a_poller_without_the_lease_saves_nothing Fences,
            an_item_is_parked_once_and_listed_in_order Parks,
            any_store_redelivers_and_discards_parked_items RedeliversAndDiscards,
            more_than_the_limit_is_refused_as_a_whole LimitsParked,
        }
    };
}
