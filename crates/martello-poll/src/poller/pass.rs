use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use martello_paginate::Page;
use tokio::time::Instant;

use super::{pending::PageScan, server_clock::ServerClock};
use crate::source::PageStream;

/// How long a watermark stays while nothing is new, so that the next request is the same and its `ETag` is
/// valid.
const MAX_WATERMARK_HOLD: Duration = Duration::from_secs(10 * 60);

/// One pass through all pages.
pub(super) struct Pass {
    pub(super) walk: PageStream,
    pub(super) since: Option<Timestamp>,
    pub(super) began: Instant,
    pub(super) pages: u32,
    pub(super) items: u64,
    /// The last page, while its items are scanned.
    pub(super) scan: Option<PageScan>,
    pub(super) clock: ServerClock,
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
            pages: 0,
            items: 0,
            scan: None,
            clock: ServerClock::new(now),
            etag: None,
            not_modified: false,
        }
    }

    pub(super) fn receive<T>(&mut self, page: &Page<T>) {
        if self.pages == 0 {
            self.clock.set(&page.head.headers);
            self.not_modified = page.head.status == StatusCode::NOT_MODIFIED;
            let single = page.next.is_none();
            self.etag = page.head.headers.get(header::ETAG).filter(|_| single).cloned();
        }
        self.pages = self.pages.saturating_add(1);
    }

    /// The age of the watermark at the start of the pass, by the server's clock.
    pub(super) fn gap(&self) -> Option<Duration> {
        self.clock.at_first_request()?.duration_since(self.since?).try_into().ok()
    }

    /// Computes the new watermark at the end of the pass: the server's clock at its start, never the local
    /// clock. If the server sends no `Date`, it is the greatest stamp minus the duration of the pass. Keeps
    /// the `ETag` if the next request will be the same.
    pub(super) fn conclude(self, old: Option<Timestamp>, keeps: Option<Duration>) -> Conclusion {
        let Self { since, began, items, etag, not_modified, .. } = self;
        let (clock, greatest) = (self.clock.at_first_request(), self.clock.greatest_stamp());
        // An item that was committed during a long pass may have a stamp older than the greatest by up to its
        // duration.
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
    /// The previous `ETag` stays valid.
    pub(super) not_modified: bool,
}
