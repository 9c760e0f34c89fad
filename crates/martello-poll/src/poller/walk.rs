use std::future::poll_fn;

use martello_outcome::ErrorKind;
use martello_paginate::{Page, PageError};
use serde_json::value::RawValue;

use super::{Pass, PendingBatch, Poller, pending::PageScan, step::Step};
use crate::{ParkedFilter, PollError, PollErrorKind, ResyncReason};

/// How many parked items are redelivered in one batch.
const REDELIVERED_PER_BATCH: usize = 100;

impl Poller {
    /// Starts with the parked items to redeliver, then starts a pass.
    pub(super) async fn begin(&mut self) -> Result<Step, PollError> {
        let filter = ParkedFilter { redeliver: true, after: None, limit: REDELIVERED_PER_BATCH };
        let again = PendingBatch::of_parked(self.store.parked(filter).await.map_err(PollError::checkpoint)?);
        if !again.is_empty() {
            self.pending = Some(again);
            return Ok(Step::Continue);
        }
        let since = if self.everything { None } else { self.since() };
        let etag = self.etag.as_ref().filter(|(asked, _)| *asked == since).map(|(_, etag)| etag.clone());
        let bounds = (self.options.max_pages, self.options.max_page_bytes);
        let pages = self.source.pages(since.or(self.checkpoint.start), etag, bounds);
        let walk = pages.map_err(|error| PollError::caused(PollErrorKind::Source, error))?;
        self.pass = Some(Pass::new(walk, since));
        Ok(Step::Continue)
    }

    pub(super) async fn walk(&mut self) -> Result<Step, PollError> {
        let stopper = self.stopper.clone();
        let Some(pass) = &mut self.pass else { return Ok(Step::Continue) };
        if pass.scan.is_some() {
            return Ok(self.scan().await);
        }
        let next = poll_fn(|cx| pass.walk.as_mut().poll_next(cx));
        let page = tokio::select! {
            biased;
            () = stopper.stopped() => return Ok(Step::Continue),
            page = next => page,
        };
        Ok(match page {
            Some(Ok(page)) => match self.receive(page) {
                Step::Continue => self.scan().await,
                step => step,
            },
            Some(Err(error)) if is_unsendable(&error) => return Err(self.end(error).await),
            Some(Err(error)) => self.refuse(error),
            // The last page ended the pass.
            None => {
                self.pass = None;
                Step::Continue
            }
        })
    }

    /// Ends the poll, and saves and releases the checkpoint. What cannot be saved is delivered again after a
    /// restart.
    async fn end(&mut self, error: PageError) -> PollError {
        if self.stop().await.is_err() {
            self.give_up();
        }
        PollError::caused(PollErrorKind::Unsendable, error)
    }

    fn receive(&mut self, page: Page<Box<RawValue>>) -> Step {
        let Some(pass) = &mut self.pass else { return Step::Continue };
        pass.receive(&page);
        self.unsaved.required |= std::mem::take(&mut self.unsaved.after_response);
        self.schedule.recovered();
        let gap = pass.gap().filter(|gap| self.options.source_keeps.is_some_and(|keeps| *gap > keeps));
        if gap.is_some() {
            return self.ask_for_everything(gap, ResyncReason::Gap);
        }
        pass.scan = Some(PageScan::new(page));
        Step::Continue
    }

    /// Scans more items of the current page, and yields to other tasks: a page may be long, and many pages in
    /// a row may have no new item.
    async fn scan(&mut self) -> Step {
        self.scan_some();
        if self.pending.is_none() {
            tokio::task::yield_now().await;
        }
        Step::Continue
    }

    fn scan_some(&mut self) {
        let Some(pass) = &mut self.pass else { return };
        let Some(mut page) = pass.scan.take() else { return };
        let Some(pending) = page.scan(&mut pass.clock, &*self.source, &self.delivered, &self.reported) else {
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
}

fn is_unsendable(error: &PageError) -> bool {
    error.call_error().is_some_and(|call| call.kind() == ErrorKind::Unsendable)
}
