use std::panic::{AssertUnwindSafe, catch_unwind};

use martello_outbox::{StoreError, engine::closed};
use tokio::sync::oneshot;

use super::Tx;
use crate::fault::{Fault, panicked};

/// An operation on its way through the writer, with somebody who waits for what comes of it.
pub(crate) trait Operation: Send {
    /// Whether nobody waits for it.
    fn is_abandoned(&self) -> bool;

    /// Does it; once more if the transaction around it was undone. Tells whether it is to be kept.
    fn attempt(&mut self, tx: &mut Tx<'_>) -> bool;

    /// Tells what came of the last attempt.
    fn answer(self: Box<Self>);

    /// Tells that nothing did.
    fn refuse(self: Box<Self>, error: StoreError);
}

/// A function as an operation.
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
        // What it may have left half done in the database is rolled back; it shares nothing else.
        let done = catch_unwind(AssertUnwindSafe(|| (self.act)(tx)));
        let done = done.unwrap_or_else(|_| Err(panicked().into()));
        let kept = done.is_ok();
        self.done = Some(done.map_err(StoreError::from));
        kept
    }

    fn answer(self: Box<Self>) {
        let done = self.done.unwrap_or_else(|| Err(closed()));
        // Nobody may be left to hear of it.
        drop(self.reply.send(done));
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}
