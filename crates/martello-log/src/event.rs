//! Writes spans and events with `tracing`; no other module does. Its macros need a constant level, so each
//! use is expanded five times.

use std::time::Duration;

use http::Request;
use tracing::{Level, Span, field::Empty, level_filters::LevelFilter};
use tracing_core::{Kind as MetadataKind, Metadata, callsite::DefaultCallsite, metadata};

use crate::{
    fields::EarlierIds,
    record::Record,
    settings::{Kind, Settings},
    url,
};

/// The target of a call's span and event.
const CALL: &str = "martello::call";
/// The target of an attempt's event.
const ATTEMPT: &str = "martello::attempt";

/// Expands `$body` with a constant for the level, and to `$off` for none.
macro_rules! at_level {
    ($level:expr, $off:expr, |$constant:ident| $body:expr) => {
        match $level.into_level() {
            None => $off,
            Some(Level::ERROR) => at_level!(@ $constant ERROR $body),
            Some(Level::WARN) => at_level!(@ $constant WARN $body),
            Some(Level::INFO) => at_level!(@ $constant INFO $body),
            Some(Level::DEBUG) => at_level!(@ $constant DEBUG $body),
            Some(Level::TRACE) => at_level!(@ $constant TRACE $body),
        }
    };
    (@ $constant:ident $level:ident $body:expr) => {{
        const $constant: Level = Level::$level;
        $body
    }};
}

/// A callsite with the metadata of an event that is never written. It only answers who is interested.
macro_rules! probe {
    ($name:literal, $target:expr, $level:expr, $fields:expr) => {{
        static METADATA: Metadata<'static> = metadata! {
            name: $name,
            target: $target,
            level: $level,
            fields: $fields,
            callsite: &PROBE,
            kind: MetadataKind::EVENT,
        };
        static PROBE: DefaultCallsite = DefaultCallsite::new(&METADATA);
        &PROBE
    }};
}

/// Generates the event and the interest check from one list of fields, because a filter may look at field
/// names.
macro_rules! events {
    (|$record:ident, $notes:ident, $answer:ident| { $($field:literal = $value:expr,)+ }) => {
        /// Whether a subscriber is interested in events of this kind and level. A subscriber that decides for
        /// each event counts as interested.
        ///
        /// It reads the cached interest of the callsite. It does not use `tracing::event_enabled!`, because
        /// per-layer filters of tracing-subscriber take that as the start of an event, and then drop the next
        /// event of any callsite.
        pub(crate) fn is_wanted(kind: Kind, level: LevelFilter) -> bool {
            const FIELDS: &[&str] = &[$($field),+];
            let probe = match kind {
                Kind::Call => at_level!(level, return false, |LEVEL| probe!("call", CALL, LEVEL, FIELDS)),
                Kind::Attempt => {
                    at_level!(level, return false, |LEVEL| probe!("attempt", ATTEMPT, LEVEL, FIELDS))
                }
            };
            !probe.interest().is_never()
        }

        /// Writes the event of a complete record. Values without information (no retry, no wait, an empty
        /// body) are left out.
        pub(crate) fn write($record: &Record) {
            let levels = &$record.settings.levels;
            let level = if $record.is_success() { levels.success } else { levels.failure };
            let ($notes, $answer) = ($record.notes.as_ref(), $record.answer.as_ref());
            match $record.settings.kind {
                Kind::Call => at_level!(level, (), |LEVEL| tracing::event!(
                    name: "call",
                    target: CALL,
                    LEVEL,
                    { $($field = $value),+ }
                )),
                Kind::Attempt => at_level!(level, (), |LEVEL| tracing::event!(
                    name: "attempt",
                    target: ATTEMPT,
                    LEVEL,
                    { $($field = $value),+ }
                )),
            }
        }
    };
}

events! {
    |record, notes, answer| {
        "http.request.method" = display(&record.request.method),
        "url.full" = display(record.settings.config.redaction.url(&record.request.uri)),
        "server.address" = url::Host::of(&record.request.uri).map(display),
        "server.port" = url::port(&record.request.uri),
        "http.response.status_code" = answer.map(|answer| answer.status.as_u16()),
        "outcome" = display(record.outcome_name()),
        "error.type" = record.error_type().map(display),
        "exception.message" = record.failure.as_ref().map(|failure| display(&*failure.text)),
        "tracking_id" = record.tracking_id().map(display),
        "earlier_tracking_ids" = EarlierIds::of(&record.attempts).map(display),
        "caller_id" = record.request.caller_id.as_ref().map(display),
        "http.request.resend_count" = above(0, record.request.number.saturating_sub(1).into()),
        "attempts" = above(1, record.attempt_count().into()),
        "wait_permit_ms" = notes.and_then(|notes| above(0, millis(notes.permit_wait()))),
        "wait_retry_ms" = notes.and_then(|notes| above(0, millis(notes.retry_wait()))),
        "head_ms" = answer.map(|answer| millis(answer.after)),
        "total_ms" = millis(record.took),
        "http.request.body.size" = record.request.size.and_then(|size| above(0, size)),
        "http.response.body.size" = answer.and_then(|answer| above(0, answer.size)),
        "body_end" = answer.and_then(|answer| answer.end).map(|end| display(end.as_str())),
        "request_headers" = record.request.headers.as_deref().map(display),
        "response_headers" = answer.and_then(|answer| answer.headers.as_deref()).map(display),
        "excerpt" = answer.and_then(|answer| answer.excerpt()).map(display),
    }
}

fn above(least: u64, number: u64) -> Option<u64> {
    (number > least).then_some(number)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The span of a call. It is disabled for an attempt, or if no subscriber is interested.
pub(crate) fn span<B>(settings: &Settings, request: &Request<B>) -> Span {
    at_level!(settings.levels.span, Span::none(), |LEVEL| tracing::span!(
        target: CALL,
        LEVEL,
        "call",
        otel.kind = "client",
        otel.name = request.method().as_str(),
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        url.full = %settings.config.redaction.url(request.uri()),
        server.address = url::server(request.uri()).map(|(host, _)| host),
        server.port = url::server(request.uri()).and_then(|(_, port)| port),
        http.response.status_code = Empty,
        error.type = Empty,
    ))
}

/// Adds the result to the span of a call, for exporters.
pub(crate) fn close_span(span: &Span, record: &Record) {
    if span.is_disabled() {
        return;
    }
    if let Some(answer) = &record.answer {
        span.record("http.response.status_code", answer.status.as_u16());
    }
    if let Some(error_type) = record.error_type() {
        span.record("error.type", error_type);
        span.record("otel.status_code", "ERROR");
    }
}
