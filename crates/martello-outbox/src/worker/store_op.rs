use std::{future::pending, time::Duration};

use crate::{StoreError, StoreFuture};

/// At most one operation of a kind under way.
pub(super) struct StoreOp<'a, T>(Option<StoreFuture<'a, T>>);

impl<'a, T: Send + 'a> StoreOp<'a, T> {
    pub(super) fn empty() -> Self {
        Self(None)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Begins an operation, which fails after `within`: whether it takes place, nobody knows then.
    pub(super) fn begin(&mut self, operation: StoreFuture<'a, T>, within: Duration) {
        let bounded = tokio::time::timeout(within, operation);
        self.0 = Some(Box::pin(async { bounded.await.unwrap_or_else(|_| Err(StoreError::late())) }));
    }

    /// The result of the operation under way. Dropped, it goes on; without one, there is none.
    pub(super) async fn ended(&mut self) -> Result<T, StoreError> {
        let Some(operation) = &mut self.0 else { return pending().await };
        let result = operation.await;
        self.0 = None;
        result
    }
}
