use std::panic::{AssertUnwindSafe, catch_unwind};

use martello_outbox::{StoreError, engine::closed};
use tokio::sync::oneshot;

use super::Tx;
use crate::fault::{Fault, panicked};

/// An operation in the writer's channel, with a caller that waits for its result.
pub(crate) trait Operation: Send {
    /// Whether the caller has dropped its future.
    fn is_abandoned(&self) -> bool;

    /// Runs it. Returns whether to keep its changes. It runs again if the transaction around it was rolled
    /// back.
    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool;

    /// Sends the result of the last attempt.
    fn answer(self: Box<Self>);

    /// Sends this error instead of a result.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// A function as an [`Operation`].
pub(crate) struct Task<F, T> {
    act: F,
    done: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Task<F, T>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    T: Send + 'static,
{
    pub(crate) fn boxed(act: F) -> (Box<dyn Operation>, oneshot::Receiver<Result<T, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { act, done: None, reply }), answer)
    }
}

impl<F, T> Operation for Task<F, T>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, Fault> + Send,
    T: Send,
{
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool {
        // After a panic the changes in the database are rolled back; the function shares nothing else.
        let done = catch_unwind(AssertUnwindSafe(|| (self.act)(tx)));
        let done = done.unwrap_or_else(|_| Err(panicked().into()));
        let kept = done.is_ok();
        self.done = Some(done.map_err(StoreError::from));
        kept
    }

    fn answer(self: Box<Self>) {
        let done = self.done.unwrap_or_else(|| Err(closed()));
        // Sending fails when the caller has dropped its future.
        drop(self.reply.send(done));
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}
