use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use martello_outcome::http_date;
use tokio::time::Instant;

/// How far ahead of the server's clock a stamp may be.
const MAX_STAMP_AHEAD: Duration = Duration::from_secs(5 * 60);

/// How far ahead of the local clock the server's may be. A time further ahead is wrong, whichever clock is
/// right.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(60 * 60);

/// The server's clock during a pass, and the greatest stamp that it allows.
pub(super) struct ServerClock {
    /// When the first page was requested.
    requested: Instant,
    /// The server's clock at that moment; `None` until the first page has come, or if it has no `Date`.
    now: Option<Timestamp>,
    greatest: Option<Timestamp>,
}

impl ServerClock {
    pub(super) fn new(requested: Instant) -> Self {
        Self { requested, now: None, greatest: None }
    }

    /// Sets the time of the first request, which is sent again.
    pub(super) fn request_again_at(&mut self, requested: Instant) {
        self.requested = requested;
    }

    /// Reads the `Date` of the first page.
    pub(super) fn set(&mut self, headers: &HeaderMap) {
        // The server writes `Date` when it responds, and may have read its data before that.
        let took = self.requested.elapsed();
        let date = http_date(headers).and_then(|date| Timestamp::try_from(date).ok());
        self.now = date.and_then(|date| plausible(date).checked_sub(took).ok());
    }

    /// The server's clock when the first page was requested.
    pub(super) fn at_first_request(&self) -> Option<Timestamp> {
        self.now
    }

    /// The greatest stamp that is not in the future.
    pub(super) fn greatest_stamp(&self) -> Option<Timestamp> {
        self.greatest
    }

    /// Whether a stamp is in the future. The clock remembers the greatest one that is not.
    pub(super) fn is_in_future(&mut self, stamp: Timestamp) -> bool {
        let latest = match self.now {
            Some(clock) => clock.saturating_add(MAX_STAMP_AHEAD + self.requested.elapsed()),
            None => Timestamp::now().saturating_add(MAX_CLOCK_DIFFERENCE),
        };
        let future = latest.is_ok_and(|latest| stamp > latest);
        if !future {
            self.greatest = self.greatest.max(Some(stamp));
        }
        future
    }
}

/// The date, or the local time if the date is too far ahead: a watermark from it would skip later changes.
/// The local clock can lower a watermark, which loses nothing, and never raise it.
fn plausible(date: Timestamp) -> Timestamp {
    let now = Timestamp::now();
    if now.checked_add(MAX_CLOCK_DIFFERENCE).is_ok_and(|latest| date > latest) { now } else { date }
}
