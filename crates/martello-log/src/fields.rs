use std::{
    fmt::{self, Display},
    time::Duration,
};

use http::Method;
use martello_outcome::{Attempts, CallNotes, CallerId, TrackingId};
use tracing::field::{DisplayValue, display};

use crate::{MaskedUrl, excerpt::Excerpt, record::Record, url};

/// Ids of earlier attempts that are written.
const EARLIER: usize = 16;

type Shown<T> = Option<DisplayValue<T>>;

/// What an event says. A value that says nothing (no retry, no wait, an empty body) is left out: each one written
/// costs about a thousand instructions, and the reader's patience.
pub(crate) struct Fields<'a> {
    pub(crate) method: DisplayValue<&'a Method>,
    pub(crate) url: DisplayValue<MaskedUrl<'a>>,
    pub(crate) server_address: Shown<&'a str>,
    pub(crate) server_port: Option<u16>,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: DisplayValue<&'static str>,
    pub(crate) error_type: Shown<&'a str>,
    pub(crate) error: Shown<&'a str>,
    pub(crate) tracking_id: Shown<&'a TrackingId>,
    pub(crate) earlier_tracking_ids: Shown<EarlierIds<'a>>,
    pub(crate) caller_id: Shown<&'a CallerId>,
    pub(crate) resend_count: Option<u32>,
    pub(crate) attempts: Option<u32>,
    pub(crate) wait_permit: Option<u64>,
    pub(crate) wait_retry: Option<u64>,
    pub(crate) head: Option<u64>,
    pub(crate) total: u64,
    pub(crate) request_size: Option<u64>,
    pub(crate) response_size: Option<u64>,
    pub(crate) body_end: Shown<&'static str>,
    pub(crate) request_headers: Shown<&'a str>,
    pub(crate) response_headers: Shown<&'a str>,
    pub(crate) excerpt: Shown<&'a Excerpt>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(record: &'a Record) -> Self {
        let asked = &record.asked;
        let (host, port) = url::host_and_port(&asked.uri).unzip();
        let answer = record.answer.as_ref();
        let notes = record.notes.as_ref();
        let wait = |wait: fn(&CallNotes) -> Duration| notes.map(|notes| millis(wait(notes))).filter(is_some);
        let excerpt = answer.and_then(|answer| answer.excerpt.as_ref());
        Self {
            method: display(&asked.method),
            url: display(record.settings.config.redaction.url(&asked.uri)),
            server_address: host.map(display),
            server_port: port.flatten(),
            status: answer.map(|answer| answer.status.as_u16()),
            outcome: display(record.outcome_name()),
            error_type: record.error_type().map(display),
            error: record.failure.as_ref().map(|failure| display(&*failure.text)),
            tracking_id: record.tracking_id().map(display),
            earlier_tracking_ids: EarlierIds::of(&record.attempts).map(display),
            caller_id: asked.caller_id.as_ref().map(display),
            resend_count: Some(asked.number.saturating_sub(1)).filter(|count| *count > 0),
            attempts: Some(record.attempt_count()).filter(|count| *count > 1),
            wait_permit: wait(CallNotes::permit_wait),
            wait_retry: wait(CallNotes::retry_wait),
            head: answer.map(|answer| millis(answer.after)),
            total: millis(record.started.elapsed()),
            request_size: asked.size.filter(is_some),
            response_size: answer.map(|answer| answer.size).filter(is_some),
            body_end: answer.and_then(|answer| answer.end).map(|end| display(end.as_str())),
            request_headers: asked.headers.as_deref().map(display),
            response_headers: answer.and_then(|answer| answer.headers.as_deref()).map(display),
            excerpt: excerpt.filter(|excerpt| !excerpt.is_empty()).map(display),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn is_some(number: &u64) -> bool {
    *number > 0
}

/// The ids of all attempts but the last, in order.
pub(crate) struct EarlierIds<'a>(&'a Attempts);

impl<'a> EarlierIds<'a> {
    /// `None` if no earlier attempt has one.
    fn of(attempts: &'a Attempts) -> Option<Self> {
        let earlier = Self(attempts);
        let any = earlier.ids().next().is_some();
        any.then_some(earlier)
    }

    fn ids(&self) -> impl Iterator<Item = &TrackingId> {
        let earlier = self.0.split_last().map(|(_, earlier)| earlier).unwrap_or_default();
        earlier.iter().filter_map(|attempt| attempt.tracking_id.as_ref())
    }
}

impl Display for EarlierIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.ids().take(EARLIER).enumerate() {
            let separator = if place == 0 { "" } else { "," };
            write!(f, "{separator}{id}")?;
        }
        let left_out = self.ids().nth(EARLIER).is_some();
        f.write_str(if left_out { ",…" } else { "" })
    }
}
