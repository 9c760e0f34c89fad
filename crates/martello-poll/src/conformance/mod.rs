//! Whether an engine keeps the promises of [`CheckpointStore`]: the same scenarios for all of them.
//!
//! An engine says how to come by data of its own, and gets one `#[test]` for each [`Scenario`]:
//!
//! ```
//! use martello_poll::{MemoryCheckpoint, conformance};
//!
//! /// Data in memory: whoever opens it again gets the same.
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
//! one](CheckpointStore#what-every-engine-promises). Where leases run out, it sleeps for real, for two
//! seconds at most: the clock is the engine's.

mod engine;
mod scenarios;

pub use martello_outcome::BoxError;

#[doc(hidden)]
pub use self::engine::run;
pub use self::{
    engine::{Engine, Violation, check},
    scenarios::Scenario,
};
#[doc(inline)]
pub use crate::__poll_conformance_tests as tests;
#[cfg(doc)]
use crate::CheckpointStore;
