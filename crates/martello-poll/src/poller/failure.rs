use std::time::{Duration, SystemTime};

use http::{StatusCode, response};
use jiff::Timestamp;
use martello_outcome::RetryAfter;
use martello_paginate::PageError;
use tokio::time::Instant;

use super::{Poller, step::Step};
use crate::{PollError, PollErrorKind, ResyncReason};

impl Poller {
    pub(super) fn refuse(&mut self, error: PageError) -> Step {
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

    pub(super) fn ask_for_everything(&mut self, gap: Option<Duration>, reason: ResyncReason) -> Step {
        self.pass = None;
        self.etag = None;
        self.everything = true;
        Step::Resync { gap, reason }
    }

    /// The source no longer lists changes since the stored start: the poller requests everything since the
    /// new one.
    fn begin_again_at(&mut self, start: Option<Timestamp>, retry_after: Option<Duration>) -> Step {
        let kept = std::mem::replace(&mut self.checkpoint.start, start);
        let gap = start.zip(kept).and_then(|(start, kept)| start.duration_since(kept).try_into().ok());
        self.pass = None;
        self.etag = None;
        self.unsaved.required |= !self.unsaved.after_response;
        self.wait(retry_after);
        Step::Resync { gap, reason: ResyncReason::StartExpired }
    }

    /// Schedules a retry.
    pub(super) fn fail(&mut self, error: PollError, retry_after: Option<Duration>) -> Step {
        let retry_in = self.wait(retry_after);
        Step::Failed { error, retry_in }
    }

    fn wait(&mut self, retry_after: Option<Duration>) -> Duration {
        self.failed = true;
        let retry_in = self.schedule.after_failure(retry_after);
        let due = Instant::now() + retry_in;
        self.due = Some(due);
        if let Some(pass) = &mut self.pass {
            pass.clock.request_again_at(due);
        }
        retry_in
    }
}
