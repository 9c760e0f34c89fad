use std::time::Duration;

use super::{FinishedPass, Lease, Poller};
use crate::{PollError, PollErrorKind, ResyncReason};

/// The result of a step.
pub(crate) enum Step {
    Continue,
    Batch,
    CaughtUp { lag: Duration, items: u64 },
    Failed { error: PollError, retry_in: Duration },
    Resync { gap: Option<Duration>, reason: ResyncReason },
    Stopped,
}

impl Poller {
    /// Does the next step. If the future is dropped, the step may or may not be done, and the poller stays
    /// consistent.
    pub(crate) async fn step(&mut self) -> Result<Step, PollError> {
        if self.stopper.is_stopped() {
            return self.stop().await;
        }
        match self.try_step().await {
            Ok(step) => Ok(step),
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => Ok(self.fail(error, None)),
        }
    }

    async fn try_step(&mut self) -> Result<Step, PollError> {
        if self.lease.as_ref().is_some_and(Lease::is_lost) {
            self.give_up();
            return Err(PollError::new(PollErrorKind::LeaseLost));
        }
        if let Some(due) = self.due {
            let stopper = self.stopper.clone();
            tokio::select! {
                biased;
                () = stopper.stopped() => {}
                () = tokio::time::sleep_until(due) => self.due = None,
            }
            return Ok(Step::Continue);
        }
        if self.lease.is_none() {
            return self.acquire().await;
        }
        if self.unsaved.required {
            self.save().await?;
        }
        if let Some(FinishedPass { began, items, next }) = self.finished_pass.take() {
            self.due = Some(next);
            return Ok(Step::CaughtUp { lag: began.elapsed(), items });
        }
        if let Some((gap, reason)) = self.resync.take() {
            return Ok(Step::Resync { gap, reason });
        }
        if self.pending.is_some() {
            return Ok(Step::Batch);
        }
        match &self.pass {
            None => self.begin().await,
            Some(_) => self.walk().await,
        }
    }
}
