use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use martello_outcome::{CallError, ErrorKind, Outcome};
use tokio::time::Instant;

use crate::{gate::Gate, list::Index, permit::Permit, queue::Left};

/// A place in the queue for a permit. Dropping it leaves the queue, or passes on the permit that had come.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Arc<Gate>,
    group: Index,
    waiter: Option<Index>,
    since: Instant,
}

impl Place {
    pub(crate) fn new(gate: &Arc<Gate>, group: Index, waiter: Index, since: Instant) -> Self {
        Self { gate: Arc::clone(gate), group, waiter: Some(waiter), since }
    }

    /// When the request began to wait.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Until when it waits.
    pub(crate) fn until(&self) -> Instant {
        self.since + self.gate.max_wait
    }

    /// The permit, once it has come. A place that yielded it yields no other.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Permit> {
        let Some(waiter) = self.waiter else {
            return Poll::Pending;
        };
        let mut waker = Some(Waker::clone(cx.waker()));
        let turn = self.gate.lock().poll(waiter, &mut waker);
        turn.map(|()| {
            self.waiter = None;
            Permit::new(&self.gate, self.group)
        })
    }

    /// Leaves the queue.
    ///
    /// # Errors
    ///
    /// That the permit did not come in time, unless it came at the last moment.
    pub(crate) fn give_up(&mut self) -> Result<Permit, CallError> {
        let waited = self.gate.max_wait;
        // While it stands here, its group is there too.
        let standing = self.gate.lock().standing(self.group, Instant::now());
        self.leave().ok_or_else(|| {
            let message = format!("no permit came within {waited:?}: {standing}");
            CallError::new(ErrorKind::LimitWaitTimeout, Outcome::Unsent, message)
        })
    }

    fn leave(&mut self) -> Option<Permit> {
        let waiter = self.waiter.take()?;
        let left = self.gate.lock().leave(self.group, waiter);
        match left {
            Left::Granted => Some(Permit::new(&self.gate, self.group)),
            Left::Waiting { waker } => {
                drop(waker);
                None
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
