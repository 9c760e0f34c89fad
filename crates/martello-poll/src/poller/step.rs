use std::{
    future::poll_fn,
    time::{Duration, SystemTime},
};

use http::{StatusCode, response};
use jiff::Timestamp;
use martello_outcome::{ErrorKind, RetryAfter};
use martello_paginate::{Page, PageError};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{FinishedPass, Lease, Pass, PendingBatch, Poller, pending::PageScan};
use crate::{
    Acquired, Checkpoint, CheckpointFuture, Held, ParkedFilter, PollError, PollErrorKind, ResyncReason,
};

/// How many parked items make a batch.
const REDELIVERED_PER_BATCH: usize = 100;

/// What came of a step.
pub(super) enum Step {
    GoOn,
    Batch,
    CaughtUp { lag: Duration, items: u64 },
    Failed { error: PollError, retry_in: Duration },
    Resync { gap: Option<Duration>, reason: ResyncReason },
    Stopped,
}

impl Poller {
    /// Does what is next. Dropped, it has done it or not; the poller is whole in any case.
    pub(super) async fn step(&mut self) -> Result<Step, PollError> {
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
            return Ok(Step::GoOn);
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

    /// Saves what was acknowledged, and releases the checkpoint.
    async fn stop(&mut self) -> Result<Step, PollError> {
        if self.unsaved.required || self.unsaved.progress {
            self.save().await?;
        }
        if let Some(lease) = &self.lease {
            // Otherwise it runs out.
            let _ = self.store.release(lease.fence).await;
        }
        self.give_up();
        Ok(Step::Stopped)
    }

    async fn acquire(&mut self) -> Result<Step, PollError> {
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
        // Before the first request; but the checkpoint of another source stays until this one has answered.
        self.unsaved.required |= changed && !other;
        self.unsaved.after_response |= changed && other;
        self.delivered.load(std::mem::take(&mut self.checkpoint.delivered));
        self.lease = Some(lease);
        Ok(Step::GoOn)
    }

    /// What is to be delivered again comes first, then a pass.
    async fn begin(&mut self) -> Result<Step, PollError> {
        let filter = ParkedFilter { redeliver: true, after: None, limit: REDELIVERED_PER_BATCH };
        let again = PendingBatch::of_parked(self.store.parked(filter).await.map_err(PollError::checkpoint)?);
        if !again.is_empty() {
            self.pending = Some(again);
            return Ok(Step::GoOn);
        }
        let since = if self.everything { None } else { self.since() };
        let etag = self.etag.as_ref().filter(|(asked, _)| *asked == since).map(|(_, etag)| etag.clone());
        let bounds = (self.options.max_pages, self.options.max_page_bytes);
        let pages = self.source.pages(since.or(self.checkpoint.start), etag, bounds);
        let walk = pages.map_err(|error| PollError::caused(PollErrorKind::Source, error))?;
        self.pass = Some(Pass::new(walk, since));
        Ok(Step::GoOn)
    }

    async fn walk(&mut self) -> Result<Step, PollError> {
        let stopper = self.stopper.clone();
        let Some(pass) = &mut self.pass else { return Ok(Step::GoOn) };
        if pass.scan.is_some() {
            return Ok(self.scan().await);
        }
        let next = poll_fn(|cx| pass.walk.as_mut().poll_next(cx));
        let page = tokio::select! {
            biased;
            () = stopper.stopped() => return Ok(Step::GoOn),
            page = next => page,
        };
        Ok(match page {
            Some(Ok(page)) => match self.receive(page) {
                Step::GoOn => self.scan().await,
                step => step,
            },
            Some(Err(error)) if is_unsendable(&error) => return Err(self.end(error).await),
            Some(Err(error)) => self.refuse(error),
            // Its last page ended the pass.
            None => {
                self.pass = None;
                Step::GoOn
            }
        })
    }

    /// Ends the poll. Whoever takes it up once the source or the client is corrected finds the checkpoint
    /// free, and all that was acknowledged; what cannot be saved is delivered again.
    async fn end(&mut self, error: PageError) -> PollError {
        if self.stop().await.is_err() {
            self.give_up();
        }
        PollError::caused(PollErrorKind::Unsendable, error)
    }

    fn receive(&mut self, page: Page<Box<RawValue>>) -> Step {
        let Some(pass) = &mut self.pass else { return Step::GoOn };
        pass.receive(&page);
        self.unsaved.required |= std::mem::take(&mut self.unsaved.after_response);
        self.schedule.recovered();
        let gap = pass.gap().filter(|gap| self.options.source_keeps.is_some_and(|keeps| *gap > keeps));
        if gap.is_some() {
            return self.ask_for_everything(gap, ResyncReason::Gap);
        }
        pass.scan = Some(PageScan::new(page));
        Step::GoOn
    }

    /// Looks at some more of the page that came last, and lets others run: a page may be long, and any number
    /// of pages may have nothing new.
    async fn scan(&mut self) -> Step {
        self.scan_some();
        if self.pending.is_none() {
            tokio::task::yield_now().await;
        }
        Step::GoOn
    }

    fn scan_some(&mut self) {
        let Some(pass) = &mut self.pass else { return };
        let Some(mut page) = pass.scan.take() else { return };
        let Some(pending) = page.scan(pass, &*self.source, &self.delivered, &self.reported) else {
            pass.scan = Some(page);
            return;
        };
        pass.items = pass.items.saturating_add(pending.items.len() as u64);
        match (pending.is_empty(), pending.last) {
            (false, _) => self.pending = Some(pending),
            (true, true) => self.end_pass(),
            (true, false) => {}
        }
    }

    fn refuse(&mut self, error: PageError) -> Step {
        let retry_after = error.head().and_then(|head: &response::Parts| {
            RetryAfter::from_headers(&head.headers, SystemTime::now()).map(RetryAfter::duration)
        });
        let first = self.pass.as_ref().is_none_or(|pass| pass.pages == 0);
        let since = self.pass.as_ref().and_then(|pass| pass.since);
        let gone = first && error.status() == Some(StatusCode::GONE);
        if gone && since.is_some() {
            return self.ask_for_everything(None, ResyncReason::Expired);
        }
        let offered = self.source.start();
        if gone && offered != self.checkpoint.start {
            return self.begin_again_at(offered, retry_after);
        }
        let expired = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::GONE];
        let expired = !first && error.head().is_some_and(|head| expired.contains(&head.status));
        let kind = if expired || error.kind().is_final() {
            self.pass = None;
            self.etag = None;
            PollErrorKind::PassAborted
        } else {
            PollErrorKind::Page
        };
        self.fail(PollError::caused(kind, error), retry_after)
    }

    fn ask_for_everything(&mut self, gap: Option<Duration>, reason: ResyncReason) -> Step {
        self.pass = None;
        self.etag = None;
        self.everything = true;
        Step::Resync { gap, reason }
    }

    /// From where everything is asked for, the source lists it no longer: from here on, later.
    fn begin_again_at(&mut self, start: Option<Timestamp>, retry_after: Option<Duration>) -> Step {
        let kept = std::mem::replace(&mut self.checkpoint.start, start);
        let gap = start.zip(kept).and_then(|(start, kept)| start.duration_since(kept).try_into().ok());
        self.pass = None;
        self.etag = None;
        self.unsaved.required |= !self.unsaved.after_response;
        self.wait(retry_after);
        Step::Resync { gap, reason: ResyncReason::StartExpired }
    }

    /// Tries again, later.
    fn fail(&mut self, error: PollError, retry_after: Option<Duration>) -> Step {
        let retry_in = self.wait(retry_after);
        Step::Failed { error, retry_in }
    }

    fn wait(&mut self, retry_after: Option<Duration>) -> Duration {
        self.failed = true;
        let retry_in = self.schedule.after_failure(retry_after);
        let due = Instant::now() + retry_in;
        self.due = Some(due);
        if let Some(pass) = &mut self.pass {
            pass.asked = due;
        }
        retry_in
    }
}

fn is_unsendable(error: &PageError) -> bool {
    error.call_error().is_some_and(|call| call.kind() == ErrorKind::Unsendable)
}
