use std::{future::pending, time::Duration};

use crate::{StoreError, store::StoreFuture};

/// A store operation of which at most one runs at a time.
pub(super) struct StoreOp<'a, T>(Option<StoreFuture<'a, T>>);

impl<'a, T: Send + 'a> StoreOp<'a, T> {
    pub(super) fn idle() -> Self {
        Self(None)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Starts an operation, which fails after `timeout`. Whether the store has executed it is unknown then.
    pub(super) fn start(&mut self, operation: StoreFuture<'a, T>, timeout: Duration) {
        let bounded = tokio::time::timeout(timeout, operation);
        self.0 = Some(Box::pin(async { bounded.await.unwrap_or_else(|_| Err(StoreError::late())) }));
    }

    /// Waits for the result of the running operation, or forever if none runs. Dropping this future does not
    /// cancel the operation.
    pub(super) async fn finished(&mut self) -> Result<T, StoreError> {
        let Some(operation) = &mut self.0 else { return pending().await };
        let result = operation.await;
        self.0 = None;
        result
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;
    use tokio_test::{assert_pending, task};

    use super::*;
    use crate::StoreErrorKind;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_takes_too_long_fails_and_leaves_it_idle() {
        let mut operation = StoreOp::<()>::idle();
        assert_pending!(task::spawn(operation.finished()).poll());
        operation.start(Box::pin(pending()), SECOND);
        assert!(!operation.is_idle());
        let error = operation.finished().await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(operation.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_the_wait_does_not_cancel_the_operation() {
        let mut operation = StoreOp::idle();
        let result = async {
            sleep(SECOND / 2).await;
            Ok(7)
        };
        operation.start(Box::pin(result), SECOND);
        assert_pending!(task::spawn(operation.finished()).poll());
        assert_eq!(operation.finished().await.unwrap(), 7);
    }
}
