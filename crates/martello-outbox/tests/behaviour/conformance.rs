//! The model keeps the promises that it is the model of.

use std::sync::OnceLock;

use martello_outbox::{MemoryStore, store::Clock};
use martello_outbox_conformance::{self as conformance, BoxError};

/// Data in memory: whoever opens it again gets the same.
#[derive(Default)]
struct InMemory(OnceLock<MemoryStore>);

impl conformance::Engine for InMemory {
    type Store = MemoryStore;

    async fn fresh() -> Result<Option<Self>, BoxError> {
        Ok(Some(Self::default()))
    }

    async fn open(&self, clock: Clock) -> Result<MemoryStore, BoxError> {
        Ok(self.0.get_or_init(|| MemoryStore::with_clock(clock)).clone())
    }
}

conformance::tests!(InMemory);
