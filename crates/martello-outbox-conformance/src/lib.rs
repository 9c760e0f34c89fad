//! Whether an engine keeps the promises of [`Store`](crate::Store): the same scenarios and the same random
//! histories for all of them.
//!
//! An engine says how to come by data of its own, and gets one `#[test]` for each [`Scenario`] and one for the
//! [histories](check_histories):
//!
//! ```
//! use std::sync::OnceLock;
//!
//! use martello_outbox::{Clock, MemoryStore, conformance};
//!
//! /// Data in memory: whoever opens it again gets the same.
//! #[derive(Default)]
//! struct InMemory(OnceLock<MemoryStore>);
//!
//! impl conformance::Engine for InMemory {
//!     type Store = MemoryStore;
//!
//!     async fn fresh() -> Result<Option<Self>, conformance::BoxError> {
//!         Ok(Some(Self::default()))
//!     }
//!
//!     async fn open(&self, clock: Clock) -> Result<MemoryStore, conformance::BoxError> {
//!         Ok(self.0.get_or_init(|| MemoryStore::with_clock(clock)).clone())
//!     }
//! }
//!
//! conformance::tests!(InMemory);
//! # fn main() {}
//! ```
//!
//! For an engine in a file, `fresh` makes a directory and `open` opens the file in it; for a server, `fresh`
//! makes a name for a schema, and [`Engine::remove`] drops it. A scenario opens at least two stores on its
//! data and sends what it does through one and the other, because [any number of stores behave like
//! one](crate::Store#what-every-engine-promises).
//!
//! # Time
//!
//! The suite moves a [`ManualClock`](crate::ManualClock), and never sleeps but where it waits to be told of
//! news. It wants a runtime whose own clock runs: engines do their work on threads that a paused runtime
//! knows nothing of. The tests of [`tests!`] bring one along.

mod check;
mod engine;
mod histories;
mod macros;
mod scenario;
mod scenarios;
mod stage;
mod violation;

pub use martello_outcome::BoxError;

#[doc(hidden)]
pub use self::macros::{run, run_histories};
pub use self::{
    engine::{Engine, check},
    histories::check_histories,
    scenario::Scenario,
    violation::Violation,
};
#[doc(inline)]
pub use crate::__outbox_conformance_tests as tests;
