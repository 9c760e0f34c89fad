use std::{error::Error, fmt, future::Future};

use super::{BoxError, Scenario};
use crate::CheckpointStore;

/// An engine that is to be examined: data of its own, that is opened any number of times.
pub trait Engine: Sized {
    /// What is opened.
    type Store: CheckpointStore;

    /// Whether the lease of one store runs out for another. For a lock of the operating system it does not.
    const LEASES_EXPIRE: bool = true;

    /// New data, on which nothing was ever done; `None` if the engine is not to be had here.
    fn fresh() -> impl Future<Output = Result<Option<Self>, BoxError>>;

    /// Another store on this data.
    fn open(&self) -> impl Future<Output = Result<Self::Store, BoxError>>;

    /// Removes the data.
    fn remove(self) -> impl Future<Output = Result<(), BoxError>> {
        async { Ok(()) }
    }
}

/// What an engine did, and does not promise.
#[derive(Debug)]
pub struct Violation(String);

impl Violation {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Violation {}

/// Puts the engine through this scenario; `false` if it is not to be had here.
///
/// # Errors
///
/// With a [`Violation`], when it breaks a promise, or with its own error.
pub async fn check<E: Engine>(scenario: Scenario) -> Result<bool, BoxError> {
    let Some(engine) = E::fresh().await? else { return Ok(false) };
    let result = scenario.run(&engine).await;
    engine.remove().await?;
    result.map(|()| true)
}

#[doc(hidden)]
pub fn run<E: Engine>(scenario: Scenario) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    // An engine that is not to be had says so itself.
    runtime.block_on(check::<E>(scenario)).map(drop)
}

/// A `#[test]` for each scenario, for this [`Engine`].
#[doc(hidden)]
#[macro_export]
macro_rules! __poll_conformance_tests {
    ($engine:ty) => {
        $crate::__poll_conformance_tests! { $engine:
            only_one_poller_holds_the_checkpoint HasOneHolder,
            the_next_holder_finds_what_was_saved SavesAll,
            an_expired_lease_is_taken_and_its_holder_fenced LeaseExpires,
            a_poller_without_the_lease_saves_nothing Fences,
            an_item_is_parked_once_and_listed_in_order Parks,
            any_store_redelivers_and_discards_parked_items RedeliversAndDiscards,
            more_than_the_limit_is_refused_as_a_whole LimitsParked,
        }
    };
    ($engine:ty: $($name:ident $scenario:ident,)*) => {$(
        #[test]
        fn $name() -> Result<(), $crate::conformance::BoxError> {
            $crate::conformance::run::<$engine>($crate::conformance::Scenario::$scenario)
        }
    )*};
}
