use tokio::time::Instant;

use super::{Lease, Poller, ReportedIssues, Unsaved, step::Step};
use crate::{
    Acquired, Checkpoint, CheckpointFuture, Held, PollError, PollErrorKind, ResyncReason, Save, Saved,
};

impl Poller {
    pub(super) async fn acquire(&mut self) -> Result<Step, PollError> {
        let (store, lease) = (self.store.clone(), self.options.lease);
        let acquire =
            || -> CheckpointFuture<'static, Acquired> { Box::pin(async move { store.acquire(lease).await }) };
        let acquired = self.acquiring.get_or_insert_with(acquire).await;
        self.acquiring = None;
        let acquired = acquired.map_err(PollError::checkpoint)?;
        let Acquired::Held(Held { fence, checkpoint }) = acquired else {
            let error = PollError::new(PollErrorKind::HeldElsewhere);
            let retry_in = self.options.lease / 3;
            self.due = Some(Instant::now() + retry_in);
            return Ok(Step::Failed { error, retry_in });
        };
        let lease = Lease::new(&self.store, fence, self.options.lease);
        let source = self.source.fingerprint();
        let other = checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.source != source);
        if other && !self.options.resync_on_other_source {
            let _ = self.store.release(fence).await;
            return Err(PollError::new(PollErrorKind::OtherSource));
        }
        self.resync = other.then_some((None, ResyncReason::OtherSource));
        self.checkpoint = checkpoint.filter(|_| !other).unwrap_or_else(|| Checkpoint::fresh(source));
        let since = self.since();
        let changed = self.checkpoint.begin_at(self.source.start(), since);
        // The start is saved before the first request, but the checkpoint of another source stays until this
        // one answers.
        self.unsaved.required |= changed && !other;
        self.unsaved.after_response |= changed && other;
        self.delivered.load(std::mem::take(&mut self.checkpoint.delivered));
        self.lease = Some(lease);
        Ok(Step::Continue)
    }

    pub(super) async fn save(&mut self) -> Result<(), PollError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        let delivered = self.delivered.since(self.since());
        let Unsaved { park, unpark, .. } = self.unsaved.clone();
        let save = Save { checkpoint: Checkpoint { delivered, ..self.checkpoint.clone() }, park, unpark };
        match self.store.save(lease.fence, save).await.map_err(PollError::checkpoint)? {
            Saved::Saved => {
                self.unsaved = Unsaved::default();
                Ok(())
            }
            Saved::Fenced => {
                self.give_up();
                Err(PollError::new(PollErrorKind::LeaseLost))
            }
        }
    }

    /// Saves what was acknowledged, and releases the checkpoint.
    pub(super) async fn stop(&mut self) -> Result<Step, PollError> {
        if self.unsaved.required || self.unsaved.progress {
            self.save().await?;
        }
        if let Some(lease) = &self.lease {
            // If this fails, the lease expires.
            let _ = self.store.release(lease.fence).await;
        }
        self.give_up();
        Ok(Step::Stopped)
    }

    /// Drops all state of the pass. The next holder of the checkpoint delivers what is not saved.
    pub(super) fn give_up(&mut self) {
        self.lease = None;
        self.pass = None;
        self.pending = None;
        self.finished_pass = None;
        self.resync = None;
        self.etag = None;
        self.everything = false;
        self.unsaved = Unsaved::default();
        self.reported = ReportedIssues::default();
    }
}
