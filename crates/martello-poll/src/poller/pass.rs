use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use martello_outcome::http_date;
use martello_paginate::Page;
use tokio::time::Instant;

use super::pending::PageScan;
use crate::source::PageStream;

/// How far ahead of the server's clock a stamp may be.
const MAX_STAMP_AHEAD: Duration = Duration::from_secs(5 * 60);

/// How far ahead of our clock the server's may be. What lies further ahead is wrong, whoever is right about the time.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60 * 60);

/// For how long a watermark stays while nothing is new, so that the next request is the same and an `ETag` counts.
const MAX_WATERMARK_HOLD: Duration = Duration::from_secs(10 * 60);

/// One walk through all pages.
pub(super) struct Pass {
    pub(super) walk: PageStream,
    pub(super) since: Option<Timestamp>,
    pub(super) began: Instant,
    /// When the first page was asked for, if it has not come yet.
    pub(super) asked: Instant,
    pub(super) pages: u32,
    pub(super) items: u64,
    /// The page that came last, while its items are looked at.
    pub(super) scan: Option<PageScan>,
    /// The server's clock when the first page was asked for.
    clock: Option<Timestamp>,
    greatest: Option<Timestamp>,
    etag: Option<HeaderValue>,
    not_modified: bool,
}

impl Pass {
    pub(super) fn new(walk: PageStream, since: Option<Timestamp>) -> Self {
        let now = Instant::now();
        Self {
            walk,
            since,
            began: now,
            asked: now,
            pages: 0,
            items: 0,
            scan: None,
            clock: None,
            greatest: None,
            etag: None,
            not_modified: false,
        }
    }

    pub(super) fn receive<T>(&mut self, page: &Page<T>) {
        if self.pages == 0 {
            // The answer was dated when it was written, and what it lists may have been looked up before that.
            let took = self.asked.elapsed();
            let date = http_date(&page.head.headers).and_then(|date| Timestamp::try_from(date).ok());
            self.clock = date.and_then(|date| plausible(date).checked_sub(took).ok());
            self.not_modified = page.head.status == StatusCode::NOT_MODIFIED;
            let single = page.next.is_none();
            self.etag = page.head.headers.get(header::ETAG).filter(|_| single).cloned();
        }
        self.pages = self.pages.saturating_add(1);
    }

    /// Whether a stamp cannot be right. One that can is noted.
    pub(super) fn is_from_the_future(&mut self, stamp: Timestamp) -> bool {
        let latest = match self.clock {
            Some(clock) => clock.saturating_add(MAX_STAMP_AHEAD + self.asked.elapsed()),
            None => Timestamp::now().saturating_add(MAX_CLOCK_DIFFERENCE),
        };
        let future = latest.is_ok_and(|latest| stamp > latest);
        if !future {
            self.greatest = self.greatest.max(Some(stamp));
        }
        future
    }

    /// How far the watermark that the pass began with lies back, by the server's clock.
    pub(super) fn gap(&self) -> Option<Duration> {
        self.clock?.duration_since(self.since?).try_into().ok()
    }

    /// What has been seen to its end, at the end of the pass: up to the server's clock at its start, never
    /// ours; and where the server tells none, up to the greatest stamp, less the time that the walk took. And
    /// the `ETag` of the answer, where the next request will be the same.
    pub(super) fn conclude(self, old: Option<Timestamp>, keeps: Option<Duration>) -> Conclusion {
        let Self { since, began, items, clock, greatest, etag, not_modified, .. } = self;
        // What was committed behind the back of a long walk has a stamp up to as much older than the greatest one seen.
        let greatest = greatest.map(|greatest| greatest.min(Timestamp::now()));
        let greatest = greatest.and_then(|greatest| greatest.checked_sub(began.elapsed()).ok());
        let seen = clock.or(greatest.max(old));
        let hold = keeps.map_or(MAX_WATERMARK_HOLD, |keeps| MAX_WATERMARK_HOLD.min(keeps / 4));
        let stays = |old: Timestamp| {
            clock
                .is_some_and(|clock| old.checked_add(hold).is_ok_and(|latest| old <= clock && clock < latest))
        };
        if items == 0 && (etag.is_some() || not_modified) && old.is_some_and(stays) {
            return Conclusion { watermark: old, etag: etag.map(|etag| (since, etag)), not_modified };
        }
        Conclusion { watermark: seen, etag: None, not_modified: false }
    }
}

pub(super) struct Conclusion {
    pub(super) watermark: Option<Timestamp>,
    pub(super) etag: Option<(Option<Timestamp>, HeaderValue)>,
    /// The `ETag` that was there counts on.
    pub(super) not_modified: bool,
}

/// A date that is far ahead would leave behind all that is still to come. Our clock may lower a watermark,
/// which loses nothing, and never raise it.
fn plausible(date: Timestamp) -> Timestamp {
    let now = Timestamp::now();
    if now.checked_add(MAX_CLOCK_DIFFERENCE).is_ok_and(|latest| date > latest) { now } else { date }
}
